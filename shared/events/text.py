"""Strings that are safe everywhere: bounded, without NUL, control characters or lone surrogates.

PostgreSQL refuses NUL, UTF-8 refuses lone surrogates, and an unbounded string can outgrow a
Kafka message. A value is made to fit once, by its producer; the types below only check.
"""

import re
from typing import Annotated, Final

from pydantic import StringConstraints

# Control characters, NUL among them, and surrogates.
_UNSAFE: Final = re.compile("[\u0000-\u001f\u007f\ud800-\udfff]")
_SAFE_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"


def fit_text(value: str, max_chars: int) -> str:
    """Cut to `max_chars` and put U+FFFD in place of each unsafe character. Idempotent."""
    if len(value) > max_chars:
        value = value[:max_chars]
    # isprintable() is a fast way to know that nothing needs to change.
    return value if value.isprintable() else _UNSAFE.sub("\ufffd", value)


Code = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_.:-]*$")]
"""A word of a closed or nearly closed set, such as an error code."""
Name = Annotated[str, StringConstraints(max_length=128, pattern=_SAFE_PATTERN)]
"""A name that a person gave: of a key, a channel, a user, a workspace, a group."""
ModelName = Annotated[str, StringConstraints(max_length=128, pattern=_SAFE_PATTERN)]
Line = Annotated[str, StringConstraints(max_length=256, pattern=_SAFE_PATTERN)]
"""A short line: a user agent, a path, an upstream's id."""
Address = Annotated[str, StringConstraints(max_length=64, pattern=_SAFE_PATTERN)]
"""An IP address, perhaps with a zone."""
Url = Annotated[str, StringConstraints(max_length=1024, pattern=_SAFE_PATTERN)]
Secretless = Annotated[str, StringConstraints(max_length=4096, pattern=_SAFE_PATTERN)]
"""Longer text that operators wrote, or a ciphertext; never what a client said."""

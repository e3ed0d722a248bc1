"""What a provider told of a request's use, as far as it can be true."""

import re
from typing import Any, Final

from shared.events.numbers import MAX_TOKENS

_MAX_DIGITS: Final = len(str(MAX_TOKENS))
# The names that nearly every answer has need not be looked at.
_USUAL: Final = frozenset({"default", "standard"})
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def sound_tokens(value: Any) -> int | None:
    """A count of tokens; null where it cannot be one: negative, impossibly large, not a number.

    Whole numbers in strings are taken: some providers write them so.
    """
    if type(value) is int and 0 <= value <= MAX_TOKENS:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_TOKENS:
        return None
    return value


def sound_tier(value: Any) -> str:
    """The name of a tier of service; empty where it is none that an event can tell."""
    if not isinstance(value, str):
        return ""
    return value if value in _USUAL or _CODE.fullmatch(value) is not None else ""

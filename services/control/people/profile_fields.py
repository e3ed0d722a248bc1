"""The fields of a profile, as request bodies bring them."""

from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import orjson
from pydantic import StringConstraints
from pydantic.functional_validators import AfterValidator

from shared.events.text import Url

_MAX_JSON_BYTES: Final = 4096
_NUL: Final = b"\\u0000"

Email = Annotated[
    str,
    StringConstraints(
        max_length=254,
        strip_whitespace=True,
        pattern=r"^([^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+)?$",
    ),
]
"""An e-mail address, or empty for none."""
SettingText = Annotated[
    str, StringConstraints(max_length=_MAX_JSON_BYTES, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""What a console keeps for its user; ours only to keep."""
Line = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
"""A description: lines and tabs, but nothing else that controls."""
Color = Annotated[str, StringConstraints(pattern=r"^(#[0-9A-Fa-f]{6})?$")]
"""As `#1a2b3c`, or empty."""


def _leads_to_a_picture(url: str) -> str:
    # It ends in somebody's browser: a script's address must not.
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("this is not a URL") from None
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("an http or https URL is needed, or an empty text")
    return url


PictureUrl = Annotated[Url, AfterValidator(_leads_to_a_picture)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("a time zone such as Europe/Berlin is needed") from None
    return name


Timezone = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$"),
    AfterValidator(_known_zone),
]


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:  # too deep, or a number beyond 64 bits
        raise ValueError("this JSON cannot be kept") from None
    if len(text) > _MAX_JSON_BYTES or _NUL in text:
        raise ValueError(f"at most {_MAX_JSON_BYTES} bytes of JSON, without NUL")
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
"""A small object that is kept as it is."""

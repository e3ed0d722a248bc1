"""A row's place in the order of the lists, as a text that a caller hands back. Pure."""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import Final, NamedTuple

_PLACE: Final = struct.Struct(">qq")
_PADDING: Final = "=="


class Place(NamedTuple):
    """A row's place: lists are in this order, newest first."""

    created_at: int
    """Unix seconds."""
    row_id: int


def cursor_of(created_at: int, row_id: int) -> str:
    """The text for a place. Only letters, digits, `-` and `_`."""
    return urlsafe_b64encode(_PLACE.pack(created_at, row_id)).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """The place that a text is for. Raises ValueError where `cursor_of` never made it."""
    try:
        place = Place(*_PLACE.unpack(urlsafe_b64decode(cursor + _PADDING)))
    except (NotBase64, struct.error, ValueError):
        raise ValueError("it is not a cursor that a page gave") from None
    if cursor_of(*place) != cursor:
        raise ValueError("it is not a cursor that a page gave")
    return place

"""Where a page of rollup rows ended, so that the next one goes on there. Pure."""

import base64
import binascii
from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from shared.events.numbers import MAX_ID

_MAX_NAMES: Final = 6


class Place(NamedTuple):
    """A row, by its bucket and by what it is told apart by."""

    bucket: int
    names: tuple[int | str, ...]


def cursor_of(bucket: int, names: Sequence[int | str]) -> str:
    """Opaque to callers."""
    return base64.urlsafe_b64encode(orjson.dumps([bucket, *names])).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """Raises ValueError for what `cursor_of` never made."""
    wrong = ValueError("is no cursor of this list")
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        told = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise wrong from None
    if not isinstance(told, list) or not 1 <= len(told) <= 1 + _MAX_NAMES:
        raise wrong
    bucket, *names = told
    if not _is_id(bucket) or not all(_is_id(name) or _is_text(name) for name in names):
        raise wrong
    return Place(bucket, tuple(names))


def _is_id(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_ID


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value

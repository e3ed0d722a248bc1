"""When a request can have ended, by its id alone: ids are UUIDv7, which begin with a time. Pure."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

_BEFORE_S: Final = 5
_AFTER_S: Final = 25 * 3_600
_ALL: Final = (-(2**62), 2**62)
_TIME_BITS: Final = 80
_UUIDV7: Final = 7


def times_of(request_id: str) -> Sequence[tuple[int, int]]:
    """Stretches [lower, upper) of Unix seconds to look in, the likely one first."""
    try:
        made = UUID(request_id)
    except ValueError:
        return (_ALL,)
    if made.version != _UUIDV7:
        return (_ALL,)
    began = (made.int >> _TIME_BITS) // 1000
    return ((began - _BEFORE_S, began + _AFTER_S), _ALL)

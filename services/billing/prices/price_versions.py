"""Which versions of a price hold, and which are told to relays. Pure.

Versions are in order of the time from which they hold, then of their number: the last one whose
time has come holds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

MAX_COMING: Final = 30
"""How many versions of one price may lie ahead."""
_MAX_TOLD: Final = 40
_TOLD_FOR: Final = timedelta(days=1)
"""Requests that started earlier are still rated with what held then."""


class Version(Protocol):
    """One version of a price or of a group's ratio."""

    @property
    def version(self) -> int: ...  # noqa: D102 - its number in the price book
    @property
    def effective_from(self) -> datetime: ...  # noqa: D102 - from when it holds


_V = TypeVar("_V", bound=Version)


def in_order(versions: Sequence[_V]) -> list[_V]:
    """Oldest first."""
    return sorted(versions, key=lambda v: (v.effective_from, v.version))


def current(versions: Sequence[_V], now: datetime) -> _V | None:
    """The version that holds; None where none does yet."""
    begun = [v for v in in_order(versions) if v.effective_from <= now]
    return begun[-1] if begun else None


def coming(versions: Sequence[_V], now: datetime) -> list[_V]:
    """Those that do not hold yet, the next one first."""
    return [v for v in in_order(versions) if v.effective_from > now]


def told(versions: Sequence[_V], now: datetime) -> tuple[_V, ...]:
    """What relays need: all that held at any time within the last day, and what is to come."""
    ahead = coming(versions, now)
    begun = [v for v in in_order(versions) if v.effective_from <= now]
    held_a_day_ago = [v for v in begun if v.effective_from <= now - _TOLD_FOR][-1:]
    later = [v for v in begun if v.effective_from > now - _TOLD_FOR]
    recent = [*held_a_day_ago, *later]
    return (*recent[-(_MAX_TOLD - len(ahead)) :], *ahead)

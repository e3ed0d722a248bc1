"""How far back to look at a time: stretches, from the newest on, that grow while little is found.

A stretch with two ends keeps a plan to few partitions; the last one has all that is left. Pure.
"""

from dataclasses import dataclass
from typing import Final

from services.logging.listing.cursors import Place

_FIRST_S: Final = 3_600
_GROWTH: Final = 4
_NARROWING: Final = 16
_WIDEST_S: Final = 366 * 86_400
_AHEAD_S: Final = 2 * 86_400
"""Clocks of relays may be ahead of ours, though not by days."""


@dataclass(slots=True)
class Walk:
    """Where a walk through the rows has come to, newest first."""

    place: Place
    """Rows before this place are to be looked at."""
    lowest: int
    """Unix seconds: nothing before is asked for."""
    anchor: int
    """From where the present stretch is measured: now, where the walk begins ahead of it."""
    width_s: int = _FIRST_S
    is_done: bool = False

    @property
    def lower(self) -> int:
        """The first second of the present stretch."""
        if self.width_s > _WIDEST_S:
            return self.lowest
        return max(self.lowest, min(self.anchor, self.place.created_at) - self.width_s)

    def found_all(self) -> None:
        """The present stretch has no more: go on with a wider one."""
        lower = self.lower
        self.is_done = lower <= self.lowest
        self.place = Place(lower, 0)
        self.width_s *= _GROWTH

    def found_some(self, last: Place) -> None:
        """As many as were asked for; there may be more behind the last."""
        self.place = last

    def narrow(self) -> bool:
        """It took too long. False: it can be no narrower."""
        if self.width_s <= 1:
            return False
        self.width_s = max(1, min(self.width_s, _WIDEST_S) // _NARROWING)
        return True


def walk_from(place: Place | None, *, since: int | None, to: int | None, now: int) -> Walk:
    """A walk from a place on, else from the newest row that is asked for."""
    newest = now + _AHEAD_S if to is None else min(to, now + _AHEAD_S)
    start = Place(newest + 1, 0)
    return Walk(place=min(start, place or start), lowest=since or 0, anchor=now)

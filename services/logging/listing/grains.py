"""A stretch of time as whole buckets of counts, and what is left of it for the rows. Pure."""

from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

from services.logging.buckets import Grain
from services.logging.listing.moments import Moment
from services.logging.listing.stretches import Stretch, joined, whole_buckets, without

_EVER: Final = -(2**62)


class Part(NamedTuple):
    """A stretch that is counted in one way: whole buckets of its grain, or rows."""

    grain: Grain | None
    """None: nothing was counted together, the rows themselves are counted."""
    lower: int
    upper: int


def divide(stretch: Stretch, grains: Sequence[Grain], moment: Moment) -> list[Part]:
    """Parts that do not overlap and cover the stretch, in order of time.

    The coarsest of the `grains` (given from the coarsest on) that is whole and right is used for
    each bucket: not where an hour in it is dirty, nor before what is kept of minutes and seconds.
    """
    parts: list[Part] = []
    left = [stretch] if stretch.lower < stretch.upper else []
    for grain in grains:
        taken = [
            whole
            for usable in without(left, _unusable(grain, moment))
            if (whole := whole_buckets(usable, grain)) is not None
        ]
        parts += (Part(grain, *whole) for whole in taken)
        left = without(left, taken)
    parts += (Part(None, *rest) for rest in left)
    return sorted(parts, key=lambda part: part.lower)


def _unusable(grain: Grain, moment: Moment) -> list[Stretch]:
    size = max(grain, Grain.HOUR)
    dirty = (Stretch(hour - hour % size, hour - hour % size + size) for hour in moment.dirty_hours)
    kept_from = {Grain.MINUTE: moment.minutes_from, Grain.SECOND: moment.seconds_from}.get(grain)
    older = () if kept_from is None else (Stretch(_EVER, kept_from),)
    return joined(chain(dirty, older))

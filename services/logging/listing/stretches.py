"""Stretches of time: half open, in Unix seconds, and what is left of some without others. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

FAR: Final = 86_400 * 10**7
"""A midnight that lies behind every row: the upper end of what has none."""


class Stretch(NamedTuple):
    """From `lower`, included, to `upper`, left out."""

    lower: int
    upper: int


def whole_buckets(stretch: Stretch, size_s: int) -> Stretch | None:
    """The part of it that is whole buckets of `size_s`; None where it holds none."""
    lower = -(-stretch.lower // size_s) * size_s
    upper = stretch.upper // size_s * size_s
    return Stretch(lower, upper) if lower < upper else None


def without(stretches: Iterable[Stretch], holes: Iterable[Stretch]) -> list[Stretch]:
    """What of the stretches lies in no hole. Both are in order and do not overlap."""
    left: list[Stretch] = []
    holes = list(holes)
    first = 0
    for lower, upper in stretches:
        while first < len(holes) and holes[first].upper <= lower:
            first += 1
        start, index = lower, first
        while index < len(holes) and holes[index].lower < upper:
            if start < holes[index].lower:
                left.append(Stretch(start, holes[index].lower))
            start = max(start, holes[index].upper)
            index += 1
        if start < upper:
            left.append(Stretch(start, upper))
    return left


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same seconds in order, with what touches or overlaps made one."""
    made: list[Stretch] = []
    for stretch in sorted(stretches):
        if made and stretch.lower <= made[-1].upper:
            made[-1] = Stretch(made[-1].lower, max(made[-1].upper, stretch.upper))
        else:
            made.append(stretch)
    return made

"""Places in a journal, as numbers that order as what lies there does."""

from typing import Final, TypeAlias

Place: TypeAlias = int
"""A place in the journal: the segment's number and the offset in it, in one number that orders."""
_OFFSET_BITS: Final = 40


def place_of(segment: int, offset: int) -> Place:
    """One number of the two."""
    return segment << _OFFSET_BITS | offset


def segment_of(place: Place) -> int:
    """The segment's number."""
    return place >> _OFFSET_BITS


def offset_of(place: Place) -> int:
    """The offset in the segment."""
    return place & ((1 << _OFFSET_BITS) - 1)

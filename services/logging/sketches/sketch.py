"""A sketch of durations: any of their quantiles within 1 %, and two of them add up to one. Pure.

Sparse: a key's hour has some dozens of bins. In a table it is one or several parts, one behind the
other: adding is appending, and whoever reads adds up. A part is a byte for the width of its counts
(3, 4, 5 or 6 for one, two, four or eight bytes), two bytes for how many bins it has, the bins
ascending in two bytes each, and as many counts; little-endian throughout. Equal durations in any
order, split and merged in any way, give equal bytes, in one part. (1 and 2 began sketches that did
not tell their length; migration 0007 gave them one.)
"""

import struct
import sys
from array import array
from typing import Final

from services.logging.sketches.bins import bin_of, ms_of

_COUNTS: Final = {3: "B", 4: "H", 5: "I", 6: "Q"}
"""The type code of an array, by the width that a part tells."""
_HEAD: Final = struct.Struct("<BH")
_OF_ONE_BIN: Final = struct.Struct("<BHHB")
_BIN_BYTES: Final = 2
_IS_SWAPPED: Final = sys.byteorder == "big"


class UnreadableSketchError(Exception):
    """The bytes are no sketch of ours."""


class Sketch:
    """How many durations fell into each bin. Counts only grow."""

    __slots__ = ("bins",)

    def __init__(self, bins: dict[int, int] | None = None) -> None:
        self.bins: dict[int, int] = {} if bins is None else bins
        """Counts by bin, in no order. Taken over, not copied."""

    @property
    def count(self) -> int:
        """How many durations it has."""
        return sum(self.bins.values())

    def add(self, ms: int, count: int = 1) -> None:
        """Count a duration in, so many times."""
        number = bin_of(ms)
        self.bins[number] = self.bins.get(number, 0) + count

    def merge(self, other: "Sketch") -> None:
        """Count in all that the other one has."""
        bins = self.bins
        for number, count in other.bins.items():
            bins[number] = bins.get(number, 0) + count

    def quantile(self, q: float) -> int | None:
        """The duration below which the share `q` lies, 0 to 1, in ms; None where there are none."""
        rank = q * (self.count - 1)
        passed = 0
        for number in sorted(self.bins):
            passed += self.bins[number]
            if passed > rank:
                return ms_of(number)
        return None

    def to_bytes(self) -> bytes:
        """As a table keeps it, in one part. Nothing counted is no bytes at all."""
        bins = self.bins
        if not bins:
            return b""
        if len(bins) == 1:
            ((number, count),) = bins.items()
            if count < 2**8:
                return _OF_ONE_BIN.pack(3, 1, number, count)
        numbers = sorted(bins)
        counts = [bins[number] for number in numbers]
        width = _width_of(max(counts))
        packed = array("H", numbers), array(_COUNTS[width], counts)
        if _IS_SWAPPED:
            for part in packed:
                part.byteswap()
        return _HEAD.pack(width, len(numbers)) + packed[0].tobytes() + packed[1].tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Sketch":
        """All that its parts have. Raises UnreadableSketchError for what is none."""
        found: dict[int, int] = {}
        at = 0
        while at < len(stored):
            numbers, counts, at = _part(stored, at)
            if not found:
                found = dict(zip(numbers, counts, strict=True))
                continue
            for number, count in zip(numbers, counts, strict=True):
                found[number] = found.get(number, 0) + count
        return cls(found)


def _width_of(most: int) -> int:
    if most < 2**8:
        return 3
    if most < 2**16:
        return 4
    return 5 if most < 2**32 else 6


def _part(stored: bytes, at: int) -> tuple["array[int]", "array[int]", int]:
    """The bins and the counts of the part that begins there, and where it ends."""
    begins = at + _HEAD.size
    if begins > len(stored):
        raise UnreadableSketchError(f"{len(stored)} bytes")
    width, length = _HEAD.unpack_from(stored, at)
    code = _COUNTS.get(width)
    if code is None or not length:
        raise UnreadableSketchError(f"width {width}, {length} bins")
    numbers, counts = array("H"), array(code)
    middle = begins + length * _BIN_BYTES
    ends = middle + length * counts.itemsize
    if ends > len(stored):
        raise UnreadableSketchError(f"{len(stored)} bytes")
    numbers.frombytes(stored[begins:middle])
    counts.frombytes(stored[middle:ends])
    if _IS_SWAPPED:
        numbers.byteswap()
        counts.byteswap()
    return numbers, counts, ends

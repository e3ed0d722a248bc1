"""A sketch of durations: any of their quantiles within 1 %, and two of them add up to one. Pure.

Sparse: a key's hour has some dozens of bins. In a table it is one version byte, the bins ascending
as two bytes each, and as many counts of four bytes (version 2: eight), little-endian throughout.
Equal durations in any order, split and merged in any way, give equal bytes.
"""

import sys
from array import array
from typing import Final

from services.logging.sketches.bins import bin_of, ms_of

_NARROW: Final = 1
_WIDE: Final = 2
_COUNTS: Final = {_NARROW: "I", _WIDE: "Q"}
_BIN_BYTES: Final = 2
_NARROW_MAX: Final = 2**32 - 1
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
        """As a table keeps it. Nothing counted is no bytes at all."""
        if not self.bins:
            return b""
        numbers = sorted(self.bins)
        counts = [self.bins[number] for number in numbers]
        version = _NARROW if max(counts) <= _NARROW_MAX else _WIDE
        packed = array("H", numbers), array(_COUNTS[version], counts)
        if _IS_SWAPPED:
            for part in packed:
                part.byteswap()
        return b"%c%b%b" % (version, packed[0].tobytes(), packed[1].tobytes())

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Sketch":
        """What `to_bytes` gave. Raises UnreadableSketchError for anything else."""
        if not stored:
            return cls()
        code = _COUNTS.get(stored[0])
        if code is None:
            raise UnreadableSketchError(f"version {stored[0]}")
        numbers, counts = array("H"), array(code)
        length, rest = divmod(len(stored) - 1, _BIN_BYTES + counts.itemsize)
        if rest:
            raise UnreadableSketchError(f"{len(stored)} bytes")
        middle = 1 + length * _BIN_BYTES
        numbers.frombytes(stored[1:middle])
        counts.frombytes(stored[middle:])
        if _IS_SWAPPED:
            numbers.byteswap()
            counts.byteswap()
        return cls(dict(zip(numbers, counts, strict=True)))

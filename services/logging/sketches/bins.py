"""From milliseconds to the bins of a sketch, and back. Pure.

DDSketch's logarithmic bins at a relative accuracy of 1 %: each ends 2 % above the one before it, so
that the value that stands for a bin is at most 1 % from whatever fell into it. Stored sketches hold
these numbers: they never change.
"""

import math
from array import array
from typing import Final

_ACCURACY: Final = 0.01
_GROWTH: Final = 2 * _ACCURACY / (1 - _ACCURACY)
# As the package `ddsketch` reckons them; a test holds the two together.
_PER_DOUBLING: Final = math.log(2) / math.log1p(_GROWTH)
_STANDS_FOR: Final = 2.0 / (2.0 + _GROWTH)
_TABLE_MS: Final = 65_536


def _reckoned(ms: int) -> int:
    return math.ceil(math.log2(ms) * _PER_DOUBLING) + 1


BINS: Final = array("H", (0, *(_reckoned(ms) for ms in range(1, _TABLE_MS))))
"""The bins of what lasts up to a minute: nearly everything. Whoever counts by the million may look
here before asking `bin_of`."""


def bin_of(ms: int) -> int:
    """The bin of a duration. 0 is the bin of 0 ms alone, and whatever is below it."""
    if ms < _TABLE_MS:
        return BINS[ms] if ms > 0 else 0
    return _reckoned(ms)


def ms_of(number: int) -> int:
    """The duration that a bin stands for: at most 1 % from all in it, and whole milliseconds."""
    if number == 0:
        return 0
    return round(math.pow(2.0, (number - 1) / _PER_DOUBLING) * _STANDS_FOR)

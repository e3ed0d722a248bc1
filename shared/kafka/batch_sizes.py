"""How many records the next batch takes: more while there is more to catch up with. Pure.

A larger batch touches a rollup's row once for many events. It also holds its locks for longer, and
is lost whole when its process dies: so it grows only with the lag, and not beyond a time.
"""

from typing import Final

_SLOW_S: Final = 2.0
"""A batch that takes longer is too large."""


class BatchSizer:
    """Sizes between `usual` and `lagging`. Used by the consumer's loop only."""

    def __init__(self, *, usual: int, lagging: int) -> None:
        self._usual = usual
        self._lagging = max(usual, lagging)
        self._ceiling = self._lagging

    @property
    def usual(self) -> int:
        """The size that every batch may have."""
        return self._usual

    def size(self, lag_events: int) -> int:
        """Half of what is waiting, within the bounds: the next batch is collected meanwhile."""
        return max(self._usual, min(lag_events // 2, self._ceiling))

    def took(self, records: int, duration_s: float) -> None:
        """What the last batch had, and how long it took to apply."""
        if duration_s > _SLOW_S:
            self._ceiling = max(self._usual, min(records, self._ceiling) // 2)
        elif records >= self._ceiling:
            self._ceiling = min(self._lagging, self._ceiling * 2)

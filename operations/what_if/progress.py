"""How far the run is, for whoever waits: a line every few seconds."""

from time import monotonic
from typing import Final, TextIO

from operations.what_if.reached import Reached

_EVERY_S: Final = 2.0
_MINUTE_S: Final = 60


class Progress:
    """Tells a stream. What an earlier command did is not in the rate."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = monotonic()
        self._next = 0.0
        self._first: int | None = None

    def __call__(self, reached: Reached, *, total: int) -> None:
        """After a chunk; writes a line if the last one is old enough, or it is the last."""
        now = monotonic()
        if self._first is None:
            self._first = reached.looked_at
            if self._first:
                self._write(f"goes on behind {self._first:,} of {total:,}")
        elif now >= self._next or reached.looked_at >= total:
            self._write(line(reached.looked_at, total, self._first, now - self._begun))
        else:
            return
        self._next = now + _EVERY_S

    def _write(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def line(looked_at: int, total: int, first: int, took_s: float) -> str:
    """`5,000 of 20,000 (25 %), 10,000/s, 2 s left`."""
    rate = (looked_at - first) / max(took_s, 1e-9)
    share = 100 * looked_at // max(total, 1)
    left_s = (total - looked_at) / rate if rate else 0.0
    left = f"{left_s:.0f} s" if left_s < 2 * _MINUTE_S else f"{left_s / _MINUTE_S:.0f} min"
    return f"{looked_at:,} of {total:,} ({min(share, 100)} %), {rate:,.0f}/s, {left} left"

"""Fixed window: what was used since the last full window of the clock. Pure."""

from typing import NamedTuple, Self

from services.relay.limits.limit import Limit


class FixedWindow(NamedTuple):
    """Windows begin at whole multiples of their length, as a minute does on a clock.

    Never more than the capacity between two such ticks; around one it may be twice that.
    """

    started_ms: int = 0
    used: int = 0

    def used_at(self, limit: Limit, now_ms: int) -> float:
        """What counts now."""
        return self.used if self.started_ms >= _start(limit, now_ms) else 0

    def add(self, limit: Limit, now_ms: int, amount: int) -> Self:
        """Count `amount` more."""
        start = max(self.started_ms, _start(limit, now_ms))
        return type(self)(start, (self.used if start == self.started_ms else 0) + amount)

    def free_at(self, limit: Limit, now_ms: int, amount: float) -> int | None:
        """When at least `amount` of what counts now is forgotten; null: there is not as much."""
        return None if amount > self.used_at(limit, now_ms) else self._end(limit, now_ms)

    def reset_at(self, limit: Limit, now_ms: int) -> int | None:
        """When all is forgotten; null: nothing counts."""
        return self._end(limit, now_ms) if self.used_at(limit, now_ms) > 0 else None

    def _end(self, limit: Limit, now_ms: int) -> int:
        return max(self.started_ms, _start(limit, now_ms)) + limit.window_ms


def _start(limit: Limit, now_ms: int) -> int:
    return now_ms - now_ms % limit.window_ms

"""The two buckets. Pure.

A token bucket is full at first and gets tokens back at a rate; a leaky bucket is empty at first and
leaks at a rate. What is missing from the one is what is in the other, so that one rule serves both:
`level` is what a leaky bucket holds. They differ in the figures that they are given.
"""

import math
from typing import NamedTuple, Self

from services.relay.limits.limit import Limit


class Bucket(NamedTuple):
    """Never more than the capacity and what runs out meanwhile, in any span of time."""

    level: float = 0.0
    at_ms: int = 0

    def used_at(self, limit: Limit, now_ms: int) -> float:
        """What counts now. A clock that goes back neither gives nor takes anything."""
        return max(0.0, self.level - max(0, now_ms - self.at_ms) * limit.rate)

    def add(self, limit: Limit, now_ms: int, amount: int) -> Self:
        """Count `amount` more."""
        return type(self)(self.used_at(limit, now_ms) + amount, max(now_ms, self.at_ms))

    def free_at(self, limit: Limit, now_ms: int, amount: float) -> int | None:
        """When at least `amount` of what counts now has run out; null: it never will."""
        if limit.rate <= 0 or amount > self.used_at(limit, now_ms):
            return None
        return max(now_ms, self.at_ms) + math.ceil(amount / limit.rate)

    def reset_at(self, limit: Limit, now_ms: int) -> int | None:
        """When all has run out; null: it is empty, or never will be."""
        level = self.used_at(limit, now_ms)
        return self.free_at(limit, now_ms, level) if level > 0 else None

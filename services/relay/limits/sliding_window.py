"""Sliding window: never more than the capacity in any span of the window's length. Pure.

Time is cut into slots, sixty to a window, and a slot is forgotten when the whole of it is out of
the window. So what counts is never less than what a log of every single use would say: no span of
a window's length ever has more than the capacity. The price is that room comes back late by a
sixtieth of the window at the most; the gain, that a limit of a million needs 61 numbers.
"""

from typing import Final, NamedTuple, Self

from services.relay.limits.limit import Limit

SLOTS: Final = 60


class SlidingWindow(NamedTuple):
    """Use by slot, oldest first."""

    slots: tuple[tuple[int, int], ...] = ()

    def used_at(self, limit: Limit, now_ms: int) -> float:
        """What counts now."""
        return sum(used for _, used in self._live(limit, now_ms))

    def add(self, limit: Limit, now_ms: int, amount: int) -> Self:
        """Count `amount` more."""
        live = self._live(limit, now_ms)
        slot = now_ms // slot_ms(limit)
        if not live or live[-1][0] < slot:
            return type(self)((*live, (slot, amount)))
        used = dict(live)
        used[slot] = used.get(slot, 0) + amount
        # A clock that went back may ask for a slot before the last one.
        return type(self)(tuple(sorted(used.items())))

    def free_at(self, limit: Limit, now_ms: int, amount: float) -> int | None:
        """When at least `amount` of what counts now is forgotten; null: there is not as much."""
        forgotten = 0
        for slot, used in self._live(limit, now_ms):
            forgotten += used
            if forgotten >= amount:
                return _gone_at(limit, slot)
        return None

    def reset_at(self, limit: Limit, now_ms: int) -> int | None:
        """When all is forgotten; null: nothing counts."""
        live = self._live(limit, now_ms)
        return _gone_at(limit, live[-1][0]) if live else None

    def _live(self, limit: Limit, now_ms: int) -> tuple[tuple[int, int], ...]:
        first = (now_ms - limit.window_ms) // slot_ms(limit)
        if not self.slots or self.slots[0][0] >= first:
            return self.slots
        return tuple(each for each in self.slots if each[0] >= first)


def slot_ms(limit: Limit) -> int:
    """How long a slot is."""
    return -(-limit.window_ms // SLOTS)


def _gone_at(limit: Limit, slot: int) -> int:
    return (slot + 1) * slot_ms(limit) + limit.window_ms

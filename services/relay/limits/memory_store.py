"""Limits in one relay's memory: all of them where it is alone, its own share where it is not."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.relay.limits.deciding import State, decide, empty, idle_ms, settle, standing
from services.relay.limits.limit import Decided, Demand, Held, Limit, used_by

_SWEPT_AT_ONCE: Final = 2


@dataclass(slots=True)
class _Kept:
    state: State
    idle_at_ms: int
    """When it can be forgotten, if nothing is held."""


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class MemoryStore:
    """Counts, and knows what each request in flight holds."""

    def __init__(self, now_ms: Callable[[], int] = _wall_clock_ms) -> None:
        self._now_ms = now_ms
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._in_flight: dict[str, tuple[Held, ...]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def in_flight(self) -> dict[str, tuple[Held, ...]]:
        """What requests in flight hold, by request. For the one who keeps it alive elsewhere."""
        return self._in_flight

    def take(self, request_id: str, demands: Sequence[Demand]) -> Decided:
        """All of it or nothing."""
        now = self._now_ms()
        states = [self._state(demand.limit) for demand in demands]
        pairs = [decide(state, now, each) for state, each in zip(states, demands, strict=True)]
        self._sweep(now)
        if all(decision.is_allowed for _, decision in pairs):
            for demand, (state, _) in zip(demands, pairs, strict=True):
                self._keep(demand.limit, state, now)
            self._note(request_id, demands)
            return Decided(now, tuple(decision for _, decision in pairs))
        return Decided(
            now,
            tuple(
                standing(state, now, demand.limit) if decision.is_allowed else decision
                for state, demand, (_, decision) in zip(states, demands, pairs, strict=True)
            ),
        )

    def mirror(self, request_id: str, demands: Sequence[Demand]) -> None:
        """Count what another store has let through, whether or not there was room here."""
        now = self._now_ms()
        for limit, use, hold in demands:
            state = settle(self._state(limit), now, limit, held=-hold, used=use)
            self._keep(limit, state, now)
        self._note(request_id, demands)
        self._sweep(now)

    def settle(self, request_id: str, used_tokens: int) -> tuple[Held, ...]:
        """The request ended. What it held; empty where it held nothing or was settled before."""
        holds = self._in_flight.pop(request_id, ())
        now = self._now_ms()
        for limit, amount in holds:
            used = used_by(limit, used_tokens)
            state = settle(self._state(limit), now, limit, held=amount, used=used)
            self._keep(limit, state, now)
        return holds

    def _note(self, request_id: str, demands: Sequence[Demand]) -> None:
        holds = tuple(Held(limit, hold) for limit, _, hold in demands if hold)
        if holds:
            self._in_flight[request_id] = holds

    def _state(self, limit: Limit) -> State:
        kept = self._kept.get(limit.subject)
        return empty(limit) if kept is None else kept.state

    def _keep(self, limit: Limit, state: State, now_ms: int) -> None:
        self._kept[limit.subject] = _Kept(state, now_ms + idle_ms(limit))
        self._kept.move_to_end(limit.subject)

    def _sweep(self, now_ms: int) -> None:
        """Forget a few that rest, at each request, so that there are never many of them."""
        for _ in range(min(_SWEPT_AT_ONCE, len(self._kept))):
            subject, kept = next(iter(self._kept.items()))
            if kept.state.held > 0 or kept.idle_at_ms > now_ms:
                self._kept.move_to_end(subject)
            else:
                del self._kept[subject]

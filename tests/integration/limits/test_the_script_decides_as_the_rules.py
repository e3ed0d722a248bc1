"""The rules twice, in Python and in Lua: on generated days of requests they must never differ."""

import random

import pytest

from services.relay.limits.limit import Counting, Demand, Kind, Limit
from services.relay.limits.memory_store import MemoryStore
from services.relay.limits.shared_store import decided
from tests.integration.limits.linked import LEASE_MS, Linked
from tests.unit.relay.limits.made_limits import START_MS, limit, place

_STEPS = 400
_PAUSES_MS = (0, 0, 0, 1, 7, 250, 999, 1_000, 4_000, 14_000)


class _Clock:
    now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


class Day:
    """The same requests to both stores, under one clock, which sometimes goes back a little."""

    def __init__(self, linked: Linked, seed: int) -> None:
        self._linked = linked
        self._random = random.Random(seed)  # noqa: S311 - to be the same at each run
        self._clock = _Clock()
        self._memory = MemoryStore(self._clock)
        self._limits = self._made(seed)
        self._going: dict[str, int] = {}
        self.allowed = 0
        self.refused = 0

    def _made(self, seed: int) -> list[Limit]:
        chance = self._random
        window_ms = chance.choice((700, 5_000, 60_000, 61_003))
        figures = [(Kind.REQUESTS, chance.randint(1, 20)), (Kind.TOKENS, chance.randint(100, 5000))]
        made = [
            limit(
                counting,
                capacity,
                kind=kind,
                window_ms=window_ms,
                rate=chance.choice((capacity / window_ms, 1 / 3000, 0.0007, 0.0)),
                subject=f"day:{seed}",
            )
            for kind, capacity in figures
            for counting in (Counting.SLIDING, Counting.FIXED, Counting.BUCKET)
        ]
        return [*made, place(chance.randint(1, 6))._replace(subject=f"day:{seed}:places")]

    async def live(self) -> None:
        for number in range(_STEPS):
            self._pass_time()
            if self._going and self._random.random() < 0.45:
                await self._end()
            else:
                await self._ask(f"r{number}")

    def _pass_time(self) -> None:
        self._clock.now_ms += self._random.choice(_PAUSES_MS)
        if self._random.random() < 0.02:
            self._clock.now_ms -= self._random.randint(1, 3_000)

    async def _ask(self, request_id: str) -> None:
        chosen = self._random.sample(self._limits, self._random.randint(1, len(self._limits)))
        demands = [self._demand(each) for each in chosen]
        expected = self._memory.take(request_id, demands)
        call = self._linked.store.call("take", request_id, demands, now=str(self._clock.now_ms))
        assert decided(await self._linked.link.send(call)) == expected
        self.allowed += expected.is_allowed
        self.refused += not expected.is_allowed
        if expected.is_allowed and request_id in self._memory.in_flight:
            self._going[request_id] = self._clock.now_ms

    def _demand(self, of: Limit) -> Demand:
        if of.kind is Kind.REQUESTS:
            return Demand(of, self._random.choice((1, 1, 1, 3)), 0)
        tokens = self._random.choice((1, 50, 400, of.capacity, of.capacity + 1))
        return Demand(of, 0, tokens if of.kind is Kind.TOKENS else 1)

    async def _end(self) -> None:
        request_id = self._random.choice(sorted(self._going))
        del self._going[request_id]
        used = self._random.choice((0, 1, 33, 900))
        ended = [
            Demand(of, used if of.kind is Kind.TOKENS else 0, amount)
            for of, amount in self._memory.settle(request_id, used)
        ]
        call = self._linked.store.call("settle", request_id, ended, now=str(self._clock.now_ms))
        await self._linked.link.send(call)


@pytest.mark.parametrize("seed", range(12))
async def test_both_decide_the_same_whatever_comes(linked: Linked, seed: int) -> None:
    linked.store._lease_ms = 1000 * LEASE_MS  # nothing lapses here: the memory's holds never do
    day = Day(linked, seed)
    await day.live()
    assert day.allowed > 20
    assert day.refused > 20

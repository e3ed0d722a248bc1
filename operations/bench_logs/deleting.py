"""Deleting half of all rows while others read: how long it takes, and how long the worst read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

import asyncpg

from deploy.local.stack import Stack
from operations.bench.figures import percentile
from operations.bench_logs.calls import Call, Door, user
from operations.bench_logs.reading import Readers
from operations.seed_logs.history import History
from operations.seed_logs.population import population

_WORST_MS: Final = 200.0
_BEFORE_S: Final = 10.0
"""The first half of it opens connections and fills caches, and is not counted."""
_MIDDLE: Final = """
SELECT created_at FROM logging.logs ORDER BY created_at OFFSET $1 LIMIT 1
"""
_OLDER: Final = "SELECT count(*) FROM logging.logs WHERE created_at < $1"


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """What a deletion did to those who read meanwhile."""

    rows: int
    is_exact: bool
    """Whether as many went as there were."""
    took_s: float
    reads: int
    p95_ms: float
    worst_ms: float
    before_p95_ms: float
    """Of the same reads by the same readers in the seconds before it."""
    before_worst_ms: float

    @property
    def is_met(self) -> bool:
        """Whether no read waited for too long, and the count is right."""
        return self.is_exact and self.worst_ms <= _WORST_MS


async def delete_half(stack: Stack, door: Door, history: History, *, readers: Readers) -> Deleted:
    """Delete the older half; the border lies within an hour. Raises RuntimeError."""
    connection = await asyncpg.connect(stack.dsn("superuser"))
    turn = _turn(history)
    before: list[float] = []
    taken: list[float] = []
    deleting, ended = asyncio.Event(), asyncio.Event()
    try:
        target = await connection.fetchval(_MIDDLE, history.rows // 2) + 1
        expected = await connection.fetchval(_OLDER, target)
        deletion = Call("/api/log/", {"target_timestamp": target}, method="DELETE")
        async with asyncio.TaskGroup() as group:
            for _ in range(readers.count):
                group.create_task(_read(door, turn, readers.pause_s, before, deleting))
            await asyncio.sleep(_BEFORE_S)
            deleting.set()
        async with asyncio.TaskGroup() as group:
            for _ in range(readers.count):
                group.create_task(_read(door, turn, readers.pause_s, taken, ended))
            answer = await door.ask(deletion)
            ended.set()
        left = await connection.fetchval(_OLDER, target)
    finally:
        await connection.close()
    return Deleted(
        rows=answer.data,
        is_exact=answer.data == expected and left == 0,
        took_s=answer.ms / 1000,
        reads=len(taken),
        p95_ms=percentile(taken, 0.95),
        worst_ms=max(taken, default=0.0),
        before_p95_ms=percentile(before[len(before) // 2 :], 0.95),
        before_worst_ms=max(before[len(before) // 2 :], default=0.0),
    )


async def _read(
    door: Door, turn: Sequence[Call], pause_s: float, taken: list[float], ended: asyncio.Event
) -> None:
    for call in cycle(turn):
        if ended.is_set():
            return
        taken.append((await door.ask(call)).ms)
        await asyncio.sleep(pause_s)


def _turn(history: History) -> list[Call]:
    """Lists, totals and statistics."""
    heavy, *_, rare = population(users=history.users).users.things[:100]
    return [
        Call("/api/log/"),
        Call("/api/log/", {"p": 1000}),
        Call("/api/log/stat"),
        Call("/api/log/", {"username": heavy.name, "p": 20}),
        Call("/api/log/stat", {"model_name": "gpt-4o"}),
        Call("/api/log/self", caller=user(rare)),
    ]

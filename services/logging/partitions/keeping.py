"""Partitions are there before their time comes, and fine counts go when they are old.

Each process does it: what is done already costs some look-ups.
"""

import asyncio
from functools import partial
from time import monotonic
from typing import Final

import asyncpg

from services.logging.ingest import gate
from services.logging.metrics import LoggingMetrics
from services.logging.partitions.covering import Partitions
from services.logging.partitions.spans import (
    COUNTS_BY_MINUTE,
    DAY,
    HOUR,
    LOGS,
    PARENTS,
    Span,
    covered_until,
)
from services.logging.partitions.store_dropping import drop_alone
from services.logging.partitions.store_grains import move, sweep_seconds
from services.logging.partitions.store_partitions import most_rows, partitions
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY, in_transaction
from shared.service.clock import Clock, utc_now
from shared.telemetry.logs import get_logger

AHEAD_S: Final = 3 * DAY
"""So far ahead there are partitions: a weekend without anybody who looks."""
_EVERY_S: Final = 60.0
_MINUTES_KEPT_S: Final = 2 * DAY
_SECONDS_KEPT_S: Final = 2 * HOUR
_SECONDS_STEP_S: Final = 600
"""Each move waits for the batches under way: it is not made for every minute."""
_MINUTE: Final = 60
_SWEPT: Final = 10_000
_logger = get_logger()


class Keeper:
    """Makes partitions ahead, and drops the counts that became too fine."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        partition_hours: int,
        metrics: LoggingMetrics,
        clock: Clock = utc_now,
    ) -> None:
        self._pool = pool
        self._partition_hours = partition_hours
        self._clock = clock
        self._metrics = metrics
        self._held: dict[str, list[Span]] = {}
        for parent in PARENTS:
            metrics.watch_partitions(parent, partial(self._ahead, parent))

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        while True:
            try:
                await self.keep()
            except DATABASE_AWAY as error:
                _logger.warning("log_partitions.failed", **describe_error(error))
            await asyncio.sleep(_EVERY_S)

    async def keep(self) -> None:
        """Once. Repeatable. Raises what asyncpg raises; the rest is left for the next time."""
        now = int(self._clock().timestamp())
        # Nothing is remembered from the last time: a partition that is gone is made again.
        ahead = Partitions(self._pool, partition_hours=self._partition_hours)
        for parent in PARENTS:
            await ahead.cover(parent, range(now, now + AHEAD_S + 1, HOUR))
            async with self._pool.acquire() as connection:
                self._held[parent] = [one.span for one in await partitions(connection, parent)]
        async with self._pool.acquire() as connection:
            # Of those that are written now: older ones say nothing of how wide the next should be.
            rows = await most_rows(connection, LOGS, since=now - DAY)
        self._metrics.partition_rows.set(rows)
        await self._move_on(now)

    async def _move_on(self, now: int) -> None:
        minutes_from = (now - _MINUTES_KEPT_S) // DAY * DAY
        seconds_from = (now - _SECONDS_KEPT_S) // _MINUTE * _MINUTE
        async with self._pool.acquire() as connection:
            state = await gate.state(connection)
        if minutes_from > state.minutes_from or (
            seconds_from >= state.seconds_from + _SECONDS_STEP_S
        ):
            await in_transaction(
                self._pool,
                partial(move, minutes_from=minutes_from, seconds_from=seconds_from),
                idempotent=True,
            )
        async with self._pool.acquire() as connection:
            state = await gate.state(connection)
            minutes = await partitions(connection, COUNTS_BY_MINUTE)
        await self._sweep(state.seconds_from)
        for one in minutes:
            if one.span.upper <= state.minutes_from:
                await in_transaction(
                    self._pool,
                    partial(drop_alone, parent=COUNTS_BY_MINUTE, name=one.name),
                    idempotent=True,
                )

    async def _sweep(self, before: int) -> None:
        while True:
            begun = monotonic()
            async with self._pool.acquire() as connection:
                swept = await sweep_seconds(connection, before=before, limit=_SWEPT)
            if swept < _SWEPT:
                return
            await asyncio.sleep(monotonic() - begun)

    def _ahead(self, parent: str) -> float:
        now = int(self._clock().timestamp())
        return float(covered_until(self._held.get(parent, ()), now) - now)

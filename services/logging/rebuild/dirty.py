"""Rebuilding the hours that are marked, in the background; readers count them from rows until then.

An upgrade marks every hour that had rows before there were counts, and whoever finds an hour wrong
may mark it. One process of all does it at a time, the newest hours first.
"""

import asyncio
from typing import Final

import asyncpg

from services.logging.partitions.spans import HOUR
from services.logging.rebuild.hours import HourRebuilder
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY
from shared.service.clock import Clock, utc_now
from shared.telemetry.logs import get_logger

_EVERY_S: Final = 30.0
RECENT_S: Final = 2 * HOUR
"""A younger hour is left alone for now: who writes it would have to wait."""
_TAKE: Final = "SELECT pg_try_advisory_lock(hashtextextended('logging.rebuild', 0))"
# Who is frozen keeps the turn for no longer than an hour may take to be added up.
_WHILE_IDLE: Final = "SELECT set_config('idle_session_timeout', $1, false)"
_FROZEN_AFTER_S: Final = 900.0
_LEAVE: Final = "SELECT pg_advisory_unlock(hashtextextended('logging.rebuild', 0))"
_NEXT: Final = "SELECT max(bucket) FROM log_dirty_hours WHERE bucket <= $1"

_logger = get_logger()


class DirtyHours:
    """Looks for marked hours until cancelled. A database that is away is waited for."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        rebuilder: HourRebuilder,
        clock: Clock = utc_now,
        frozen_after_s: float = _FROZEN_AFTER_S,
    ) -> None:
        self._pool = pool
        self._rebuilder = rebuilder
        self._clock = clock
        self._frozen_after_ms = str(int(frozen_after_s * 1000))

    async def run(self) -> None:
        """Every half a minute; a long list is worked off at once."""
        while True:
            try:
                await self.rebuild_marked()
            except DATABASE_AWAY as error:
                _logger.warning("rebuild.delayed", **describe_error(error))
            await asyncio.sleep(_EVERY_S)

    async def rebuild_marked(self) -> int:
        """All that are marked and not recent; answers how many. 0 where another process is at it.

        Raises what asyncpg raises; the hours that were done by then are done.
        """
        async with self._pool.acquire() as connection:
            if not await connection.fetchval(_TAKE):
                return 0
            try:
                await connection.execute(_WHILE_IDLE, self._frozen_after_ms)
                return await self._rebuild_all(connection)
            finally:
                await connection.execute(_LEAVE)

    async def _rebuild_all(self, connection: asyncpg.pool.PoolConnectionProxy) -> int:
        done = 0
        while True:
            latest = int(self._clock().timestamp()) - RECENT_S - HOUR
            hour = await connection.fetchval(_NEXT, latest)
            if hour is None:
                return done
            rebuilt = await self._rebuilder.rebuild(hour)
            done += 1
            _logger.info("rebuild.hour", **rebuilt._asdict())

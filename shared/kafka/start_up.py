"""What a service that publishes state waits for at its start, asked in the background.

The database must answer, and what was marked for publication at the start must be on its topics,
whoever published it. The second is gained once: Kafka away later on must not stop what needs the
database alone, such as leases or signing in.
"""

import asyncio
from typing import Final

import asyncpg

from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY
from shared.telemetry.logs import get_logger

_PROBE_S: Final = 1.0
_FIRST_PROBES_S: Final = 0.05
_NEWEST_MARK: Final = "SELECT coalesce(max(version), 0) FROM state_outbox"
_STILL_MARKED: Final = "SELECT EXISTS (SELECT FROM state_outbox WHERE version <= $1)"

_logger = get_logger()


class StartUp:
    """Two parts of readiness; asking for them is free."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._newest_at_start: int | None = None
        self._database_answers = False
        self._is_published = False

    def database(self) -> str | None:
        """Whether the database answered the last time."""
        return None if self._database_answers else "the database does not answer"

    def publisher(self) -> str | None:
        """Whether what was marked at the start is on the state topics."""
        return None if self._is_published else "the state topics are not up to date yet"

    async def watch(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                await self._ask()
                self._database_answers = True
            except DATABASE_AWAY as error:
                if self._database_answers:
                    _logger.warning("database.away", **describe_error(error))
                self._database_answers = False
            await asyncio.sleep(_PROBE_S if self._is_published else _FIRST_PROBES_S)

    async def _ask(self) -> None:
        if self._newest_at_start is None:
            self._newest_at_start = int(await self._pool.fetchval(_NEWEST_MARK))
        marked = await self._pool.fetchval(_STILL_MARKED, self._newest_at_start)
        self._is_published = self._is_published or not marked

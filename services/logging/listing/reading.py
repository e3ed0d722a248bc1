"""A moment of the tables, to be read within a time limit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from shared.postgres.retrying import Connection

_LIMIT_TIME: Final = "SELECT set_config('statement_timeout', $1, true)"


class Reading:
    """Opens transactions that change nothing."""

    def __init__(self, pool: asyncpg.Pool, *, statement_timeout_ms: int) -> None:
        self._pool = pool
        self._statement_timeout_ms = statement_timeout_ms

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Connection]:
        """All queries of the block see the same rows, and each has its time limit."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_LIMIT_TIME, str(self._statement_timeout_ms))
            yield connection

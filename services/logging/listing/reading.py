"""A moment of the tables, to be read within a time limit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from shared.postgres.retrying import Connection

_IN_ORDER: Final = "SET LOCAL enable_bitmapscan = off"


async def read_in_order(connection: Connection) -> None:
    """Have rows walked along an index from here on, and not collected and sorted.

    Of a partition that is being filled the planner takes a user's rows to be few, and would sort
    hundreds of thousands for one page.
    """
    await connection.execute(_IN_ORDER)


class Reading:
    """Opens transactions that change nothing."""

    def __init__(self, pool: asyncpg.Pool, *, statement_timeout_ms: int) -> None:
        self._pool = pool
        # The lock comes before the snapshot: no partition may go between a reader's counts and its
        # rows, and a partition that goes waits for the readers that are under way. Plans are made
        # for the constants: one for all values would look into every partition.
        self._begin = (
            f"SET LOCAL statement_timeout = {statement_timeout_ms:d};"
            " SET LOCAL plan_cache_mode = force_custom_plan;"
            " LOCK TABLE ONLY logs IN ACCESS SHARE MODE"
        )

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Connection]:
        """All queries of the block see the same rows, and each has its time limit."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(self._begin)
            yield connection

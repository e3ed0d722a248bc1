"""Connection pools, opened with one set of habits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

_CONNECT_TIMEOUT_S = 10.0


@asynccontextmanager
async def open_pool(
    dsn: str, *, min_size: int, max_size: int, application_name: str
) -> AsyncIterator[asyncpg.Pool]:
    """A pool that is closed at the end of the block, open statements first finished.

    `application_name` is what `pg_stat_activity` shows. Limits such as `statement_timeout` belong
    to the role, not to the pool. Raises what asyncpg raises when the server cannot be reached.
    """
    pool = await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        timeout=_CONNECT_TIMEOUT_S,
        server_settings={"application_name": application_name},
    )
    try:
        yield pool
        await pool.close()
    finally:
        # After an orderly close this does nothing; when the block failed nothing is worth waiting.
        pool.terminate()

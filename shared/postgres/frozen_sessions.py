"""Ending sessions whose process stands still in the middle of a statement, with its locks.

Between two statements the server ends such a session by itself, by the role's
`idle_in_transaction_session_timeout`. Within one it waits for its client for ever, for the rows of
a COPY or until an answer is taken: there neither `statement_timeout` nor `transaction_timeout` nor
a cancel is heard (PostgreSQL 18), and the kernel of a frozen process goes on acknowledging.
"""

from contextlib import suppress
from typing import Final

import asyncpg

from shared.postgres.failures import LOCK_TIMEOUT, sqlstate_of
from shared.postgres.retrying import DATABASE_AWAY, Connection
from shared.telemetry.logs import get_logger

FROZEN_AFTER_S: Final = 60.0
"""As long as the roles may be idle in a transaction; twice their `statement_timeout`."""
_END: Final = """
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE usename = current_user AND datname = current_database() AND state = 'active'
  AND wait_event_type = 'Client' AND query_start < clock_timestamp() - $1 * interval '1 second'
"""

_logger = get_logger()


async def end_frozen_sessions(connection: Connection, *, after_s: float = FROZEN_AFTER_S) -> int:
    """End the role's own sessions that have waited so long for their client; answers how many.

    Their transactions are rolled back. Repeatable. Raises what asyncpg raises.
    """
    ended: int = await connection.fetchval(_END, after_s)
    if ended:
        _logger.warning("frozen_sessions_ended", sessions=ended)
    return ended


async def make_way(pool: asyncpg.Pool, error: Exception, *, after_s: float) -> None:
    """After `error`, before the same is tried again: who is frozen is not to keep the lock.

    Does nothing after any other error than a lock time-out. A database that is away is let be.
    """
    if sqlstate_of(error) == LOCK_TIMEOUT:
        with suppress(*DATABASE_AWAY):
            async with pool.acquire() as connection:
                await end_frozen_sessions(connection, after_s=after_s)

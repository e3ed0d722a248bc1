"""An advisory lock on a Postgres session of its own, and the work that only its holder may do.

A holder that stands still (SIGSTOP, a dead network) stops its heartbeat; the server then ends the
idle session and frees the lock, and what the holder does on the session afterwards fails.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg

from shared.kafka.errors import LockLostError
from shared.postgres.failures import is_connection_lost

HEARTBEAT_S: Final = 2.0
_SESSION_TIMEOUT: Final = "10s"
_TRY_AGAIN_S: Final = 0.5
_CONNECT_TIMEOUT_S: Final = 10.0


class LockSession:
    """The session that holds the lock. Made by `hold_lock`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """The connection, for one caller at a time.

        Raises LockLostError when the session is gone: then another may hold the lock.
        """
        async with self._turn:
            if self._connection.is_closed():
                raise LockLostError
            try:
                yield self._connection
            except Exception as error:
                if self._connection.is_closed() or is_connection_lost(error):
                    raise LockLostError from error
                raise

    async def heartbeat(self) -> None:
        """Keep the session from being idle, until it is lost (LockLostError) or cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            async with self.connection() as connection:
                await connection.execute("SELECT 1", timeout=_CONNECT_TIMEOUT_S)


@asynccontextmanager
async def hold_lock(
    dsn: str, *, name: str, channel: str, on_notify: Callable[[], None]
) -> AsyncIterator[LockSession]:
    """Wait for the lock called `name` (in this schema), then hold it through the block.

    `on_notify` is called for each NOTIFY on `channel` of this schema. Raises what asyncpg raises
    when the server cannot be reached.
    """
    connection = await asyncpg.connect(
        dsn,
        timeout=_CONNECT_TIMEOUT_S,
        server_settings={
            "application_name": f"lock {name}"[:63],
            "idle_session_timeout": _SESSION_TIMEOUT,
            # The server notices within as long that the holder's machine is gone.
            "tcp_keepalives_idle": "4",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
        },
    )
    try:
        schema = await connection.fetchval("SELECT current_schema()")
        while not await connection.fetchval(  # noqa: ASYNC110 - the lock is the server's
            "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", f"{schema}.{name}"
        ):
            await asyncio.sleep(_TRY_AGAIN_S)
        await connection.add_listener(f"{schema}.{channel}", lambda *_: on_notify())
        yield LockSession(connection)
    finally:
        # Ends the session and with it the lock, also when the server does not answer.
        with suppress(Exception):
            await connection.close(timeout=2)
        connection.terminate()

"""Dropping partitions until it is done, however long somebody reads."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from services.logging.metrics import LoggingMetrics
from services.logging.partitions.store_dropping import drop_alone
from shared.kafka.lock_session import LockSession
from shared.postgres.retrying import Connection

_AGAIN_S: Final = (0.05, 0.5)


class Dropper:
    """Drops on the session that holds a lock: who lost his turn drops nothing."""

    def __init__(self, session: LockSession, metrics: LoggingMetrics) -> None:
        self._session = session
        self._metrics = metrics

    async def drop(
        self,
        parent: str,
        name: str,
        *,
        together: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        """Drop a partition that lies before its horizon, and do `together` in the transaction.

        A reader who takes his time is let finish. Raises what the session raises.
        """
        while True:
            try:
                async with self._session.connection() as connection, connection.transaction():
                    await drop_alone(connection, parent, name)
                    if together is not None:
                        await together(connection)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                self._metrics.drop_waits.inc()
                await asyncio.sleep(random.uniform(*_AGAIN_S))  # noqa: S311 - not a secret
            else:
                return

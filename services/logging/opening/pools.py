"""Connections to the database: to each kind of work its own, so that none waits for another."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import asyncpg

from services.logging.metrics import LoggingMetrics
from services.logging.settings import LoggingSettings
from shared.postgres.pool import open_pool


class Pools(NamedTuple):
    """By who uses them."""

    writing: asyncpg.Pool
    """The consumer's: slow lists never hold it up."""
    reading: asyncpg.Pool
    """The API's, and housekeeping's."""
    mending: asyncpg.Pool
    """Of who adds up hours again."""


@asynccontextmanager
async def open_pools(settings: LoggingSettings, metrics: LoggingMetrics) -> AsyncIterator[Pools]:
    """All of them, until the block ends."""
    async with AsyncExitStack() as stack:

        async def opened(use: str, *, min_size: int, max_size: int) -> asyncpg.Pool:
            return await stack.enter_async_context(
                open_pool(
                    settings.postgres_dsn.get_secret_value(),
                    min_size=min_size,
                    max_size=max_size,
                    application_name=f"{settings.instance} {use}",
                )
            )

        pools = Pools(
            writing=await opened("consumer", min_size=1, max_size=3),
            reading=await opened("api", min_size=1, max_size=settings.postgres_pool_size),
            # Nothing to mend is the rule: then it has no connection.
            mending=await opened("rebuild", min_size=0, max_size=3),
        )
        metrics.watch_pool("consumer", pools.writing)
        metrics.watch_pool("api", pools.reading)
        yield pools

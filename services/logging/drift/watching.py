"""Do the log's sums still agree? Every five minutes, for the metrics and their alert."""

import asyncio
from typing import Final

import asyncpg

from services.logging.drift.looking import Drift, look
from services.logging.drift.metrics import DriftMetrics
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY
from shared.service.clock import Clock, utc_now
from shared.telemetry.logs import get_logger

_EVERY_S: Final = 300.0
_MOST_NAMED: Final = 10
_logger = get_logger()


async def watch_drift(pool: asyncpg.Pool, metrics: DriftMetrics) -> None:
    """Look and measure until cancelled. A database that is away is waited for.

    Not at once: at a start there is enough to do, and it was looked at five minutes before.
    """
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            drifts = await look_once(pool)
        except DATABASE_AWAY as error:
            _logger.warning("drift.unchecked", **describe_error(error))
        else:
            metrics.found(drifts)
            for check, drift in drifts.items():
                for each in drift.differences[:_MOST_NAMED]:
                    _logger.error("drift.found", check=check, difference=each.as_text)


async def look_once(pool: asyncpg.Pool, *, clock: Clock = utc_now) -> dict[str, Drift]:
    """One look, in a snapshot of its own. Raises what the database raises."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await look(connection, now=int(clock().timestamp()))

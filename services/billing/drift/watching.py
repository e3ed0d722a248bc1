"""Do the sums still agree? Once a minute, for the metrics and their alert; nobody waits for it."""

import asyncio
from typing import Final

import asyncpg

from services.billing.drift.metrics import DriftMetrics
from services.billing.drift.rounds import Round
from services.billing.drift.store_drift import Turn, look
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY
from shared.telemetry.logs import get_logger

_EVERY_S: Final = 60.0

_logger = get_logger()


async def watch_drift(pool: asyncpg.Pool, metrics: DriftMetrics) -> None:
    """Look and measure until cancelled. A database that is away is waited for."""
    going = Round()
    while True:
        try:
            turn = await look_once(pool, after_workspace_id=going.after_workspace_id)
        except DATABASE_AWAY as error:
            _logger.warning("drift.unchecked", **describe_error(error))
        else:
            drifts = going.add(turn)
            metrics.found(drifts)
            for check, drift in drifts.items():
                if drift.rows:
                    figures = {"rows": drift.rows, "units": drift.units}
                    _logger.error("drift.found", check=check, **figures)
        await asyncio.sleep(_EVERY_S)


async def look_once(pool: asyncpg.Pool, *, after_workspace_id: int = 0) -> Turn:
    """One turn, in a snapshot of its own. Raises what the database raises."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await look(connection, after_workspace_id=after_workspace_id)

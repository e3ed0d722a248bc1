"""The gauge of keys that providers refused: the database knows them, whichever relay found them."""

import asyncio
from typing import Final

import asyncpg
from prometheus_client import Gauge

from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY
from shared.telemetry.logs import get_logger

_logger = get_logger()
_EVERY_S: Final = 15.0
_COUNT: Final = """
SELECT channels.name, count(*) FROM channel_credentials AS one
JOIN channels ON channels.id = one.channel_id
WHERE one.disabled_by = 'system' AND channels.status = 1 AND channels.deleted_at IS NULL
GROUP BY channels.name
"""


async def observe_refused_keys(pool: asyncpg.Pool, gauge: Gauge) -> None:
    """Keep the gauge up to date until cancelled; a database that is away is waited for."""
    told: set[str] = set()
    while True:
        try:
            counts = {row["name"]: row["count"] for row in await pool.fetch(_COUNT)}
        except DATABASE_AWAY as error:
            _logger.warning("health.not_observed", **describe_error(error))
        else:
            for name in told - counts.keys():
                gauge.remove(name)
            for name, count in counts.items():
                gauge.labels(name).set(count)
            told = set(counts)
        await asyncio.sleep(_EVERY_S)

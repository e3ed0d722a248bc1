"""Publishing the price book again: for a topic that was lost, or holds what no row stands for."""

from functools import partial

import asyncpg

from shared.events.catalog import BILLING_PRICES
from shared.kafka.rebuild import rebuild
from shared.postgres.retrying import Connection, in_transaction

_KEYS = """
SELECT 'model:' || model FROM prices UNION SELECT 'group:' || group_name FROM group_ratios
"""


async def rebuild_prices(pool: asyncpg.Pool, *, bootstrap: str) -> int:
    """Mark every price and ratio, and every key on the topic; answers how many. Repeatable.

    The running billing publishes them: rows as they are, a tombstone for each key without one.
    """
    work = partial(_mark, bootstrap=bootstrap)
    return await in_transaction(pool, work, idempotent=True)


async def _mark(connection: Connection, *, bootstrap: str) -> int:
    keys = [row[0] for row in await connection.fetch(_KEYS)]
    return await rebuild(connection, bootstrap=bootstrap, topic=BILLING_PRICES.name, keys=keys)

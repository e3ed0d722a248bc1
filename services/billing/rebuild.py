"""Publishing the price book and the budgets again: for a topic that was lost, or is wrong."""

from functools import partial

import asyncpg

from shared.events.catalog import BILLING_BUDGETS, BILLING_PRICES
from shared.kafka.rebuild import rebuild
from shared.postgres.retrying import Connection, in_transaction

_KEYS = """
SELECT 'model:' || model FROM prices UNION SELECT 'group:' || group_name FROM group_ratios
"""

_BUDGETS = "SELECT 'budget:' || id FROM budgets WHERE deleted_at IS NULL"


async def rebuild_topics(pool: asyncpg.Pool, *, bootstrap: str) -> int:
    """Mark every price, ratio and budget, and every key on the topic; answers how many. Repeatable.

    The running billing publishes them: rows as they are, a tombstone for each key without one.
    """
    work = partial(_mark, bootstrap=bootstrap)
    return await in_transaction(pool, work, idempotent=True)


async def _mark(connection: Connection, *, bootstrap: str) -> int:
    keys = [row[0] for row in await connection.fetch(_KEYS)]
    marked = await rebuild(connection, bootstrap=bootstrap, topic=BILLING_PRICES.name, keys=keys)
    keys = [row[0] for row in await connection.fetch(_BUDGETS)]
    return marked + await rebuild(
        connection, bootstrap=bootstrap, topic=BILLING_BUDGETS.name, keys=keys
    )

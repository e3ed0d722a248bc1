import asyncpg

from deploy.local.stack import Stack
from services.billing.rebuild import rebuild_topics

_MARKS = "SELECT key FROM state_outbox WHERE topic IN ('billing.prices', 'billing.budgets')"


async def test_every_price_and_ratio_is_published_again(
    pool: asyncpg.Pool, infrastructure: Stack
) -> None:
    """Without it a lost topic would leave every model without a price, and so refused."""
    await pool.execute("DELETE FROM state_outbox")
    count = await rebuild_topics(pool, bootstrap=infrastructure.kafka_bootstrap)
    marked = {row["key"] for row in await pool.fetch(_MARKS)}
    assert len(marked) == count
    models = {f"model:{row[0]}" for row in await pool.fetch("SELECT model FROM prices")}
    assert "model:gpt-4o-mini" in models
    assert models | {"group:default"} <= marked

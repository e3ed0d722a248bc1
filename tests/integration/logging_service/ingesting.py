"""Batches written as the consumer writes them, without Kafka; and what the tables say then."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from services.logging.ingest.batch import Batch, Beside, SlottedRow, Written
from services.logging.rows.rows import LogRow
from shared.postgres.retrying import Connection, in_transaction
from tests.stack_fixtures import Database

TABLES = (
    *("logs", "log_series", "log_counts_day", "log_counts_hour", "log_counts_minute"),
    *("log_counts_second", "log_checks", "usage_hourly", "usage_daily", "usage_site_hourly"),
    *("usage_site_daily", "log_refused"),
)


async def ingest(
    pool: asyncpg.Pool,
    kept: Beside,
    rows: Sequence[LogRow],
    *,
    slot: int = 0,
    part: int = 500,
) -> Written:
    """One transaction, tried again where another one is in the way."""

    async def work(connection: Connection) -> Written:
        batch = Batch(connection, kept)
        await batch.begin()
        for start in range(0, len(rows), part):
            await batch.write([SlottedRow(slot, row) for row in rows[start : start + part]])
        return await batch.finish()

    return await in_transaction(pool, work, attempts=20)


async def emptied(owner: asyncpg.Connection) -> None:
    """Every table without a row, and no horizon."""
    await owner.execute(f"TRUNCATE {', '.join(TABLES)}, log_workspace_horizons RESTART IDENTITY")
    await owner.execute(
        "UPDATE log_state SET refuse_before = 0, minutes_from = 0, seconds_from = 0,"
        " epoch = epoch + 1"
    )


async def empty(tables: Database) -> None:
    """The same as the owner, and nothing that is being deleted or mended."""
    owner = await asyncpg.connect(tables.dsn("logging_owner"))
    try:
        await emptied(owner)
        await owner.execute("TRUNCATE log_clean_ups, log_dirty_hours")
    finally:
        await owner.close()


async def counts(pool: asyncpg.Pool, table: str) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """Of one grain: (facet, type, …, group, bucket) to rows, quota, tokens."""
    rows = await pool.fetch(
        "SELECT facet, type, workspace_id, user_id, username, token_id, token_name, model_name,"
        f' channel_id, "group", bucket, rows, quota, tokens FROM {table} JOIN log_series'
        " USING (series_id)"
    )
    return {tuple(row)[:-3]: tuple(row)[-3:] for row in rows}


async def usage(pool: asyncpg.Pool, table: str, bucket: str) -> dict[tuple[Any, ...], Any]:
    """The rows of a table of usage by its key."""
    names: tuple[str, ...] = ("provider_id", "model")
    if "site" not in table:
        names = ("workspace_id", "api_key_id", "provider_id", "project_id", "model")
    rows = await pool.fetch(f"SELECT * FROM {table}")
    return {(tuple(row[name] for name in names), row[bucket]): row for row in rows}

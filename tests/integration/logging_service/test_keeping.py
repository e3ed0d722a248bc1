"""Partitions are made ahead of their time, and counts that became too fine go."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from services.logging.ingest import gate
from services.logging.ingest.store_rows import insert_rows
from services.logging.metrics import LoggingMetrics
from services.logging.partitions.keeping import AHEAD_S, Keeper
from services.logging.partitions.spans import (
    COUNTS_BY_MINUTE,
    DAY,
    HOUR,
    LOGS,
    PARENTS,
    Span,
    covered_until,
)
from services.logging.partitions.store_partitions import ensure, partitions
from tests.made_events import request
from tests.made_rows import row_of
from tests.stack_fixtures import Database

# A Tuesday at half past ten, far behind what the migration set.
NOW = int(datetime(2031, 12, 30, 10, 30, tzinfo=UTC).timestamp())
MIDNIGHT = NOW // DAY * DAY


def keeper(
    pool: asyncpg.Pool,
    *,
    now: int = NOW,
    hours: int = 24,
    registry: CollectorRegistry | None = None,
) -> Keeper:
    return Keeper(
        pool,
        partition_hours=hours,
        metrics=LoggingMetrics(registry or CollectorRegistry()),
        clock=lambda: datetime.fromtimestamp(now, UTC),
    )


async def spans(pool: asyncpg.Pool, parent: str) -> list[Span]:
    async with pool.acquire() as connection:
        return [one.span for one in await partitions(connection, parent)]


async def test_each_table_has_partitions_for_three_days(pool: asyncpg.Pool) -> None:
    registry = CollectorRegistry()
    kept = keeper(pool, registry=registry)
    labels = {"table": LOGS}
    name = "ledgerline_log_partitions_ahead_seconds"
    assert registry.get_sample_value(name, labels) == 0

    await kept.keep()

    for parent in PARENTS:
        assert covered_until(await spans(pool, parent), NOW) > NOW + AHEAD_S, parent
    assert await spans(pool, LOGS) == [
        Span(MIDNIGHT + n * DAY, MIDNIGHT + (n + 1) * DAY) for n in range(4)
    ]
    assert registry.get_sample_value(name, labels) == MIDNIGHT + 4 * DAY - NOW


async def test_another_width_holds_from_where_there_is_none_yet(pool: asyncpg.Pool) -> None:
    await keeper(pool).keep()
    await keeper(pool, now=NOW + DAY, hours=6).keep()

    held = await spans(pool, LOGS)
    assert held[:4] == [Span(MIDNIGHT + n * DAY, MIDNIGHT + (n + 1) * DAY) for n in range(4)]
    assert {span.upper - span.lower for span in held[4:]} == {6 * HOUR}
    assert covered_until(held, NOW) > NOW + DAY + AHEAD_S


async def test_two_at_once_make_each_once(pool: asyncpg.Pool) -> None:
    await asyncio.gather(keeper(pool).keep(), keeper(pool).keep())
    assert len(await spans(pool, LOGS)) == 4


async def test_minutes_and_seconds_go_when_nobody_reads_them_any_more(pool: asyncpg.Pool) -> None:
    old, kept = MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY
    async with pool.acquire() as connection:
        for lower in (old, kept):
            await ensure(connection, COUNTS_BY_MINUTE, Span(lower, lower + DAY))
    await pool.executemany(
        "INSERT INTO log_counts_second (bucket, series_id, rows, quota, tokens)"
        " VALUES ($1, 1, 1, 1, 1)",
        [(NOW - 3 * HOUR,), (NOW - 2 * HOUR,), (NOW,)],
    )

    await keeper(pool).keep()

    async with pool.acquire() as connection:
        state = await gate.state(connection)
    assert (state.minutes_from, state.seconds_from) == (kept, NOW - 2 * HOUR)
    assert (await spans(pool, COUNTS_BY_MINUTE))[0] == Span(kept, kept + DAY)
    left = await pool.fetch("SELECT bucket FROM log_counts_second ORDER BY 1")
    assert [row[0] for row in left] == [NOW - 2 * HOUR, NOW]


async def test_it_does_not_wait_for_batches_each_minute(pool: asyncpg.Pool) -> None:
    await keeper(pool).keep()
    async with pool.acquire() as batch, batch.transaction():
        await gate.enter(batch)
        async with asyncio.timeout(20):
            await keeper(pool, now=NOW + 300).keep()
    async with pool.acquire() as connection:
        assert (await gate.state(connection)).seconds_from == NOW - 2 * HOUR


async def test_a_partition_that_is_read_is_left_for_the_next_time(pool: asyncpg.Pool) -> None:
    old = MIDNIGHT - 3 * DAY
    async with pool.acquire() as connection:
        await ensure(connection, COUNTS_BY_MINUTE, Span(old, old + DAY))
    async with pool.acquire() as slow, slow.transaction(readonly=True):
        await slow.fetchval("SELECT count(*) FROM logs")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await keeper(pool).keep()
    assert old in [span.lower for span in await spans(pool, COUNTS_BY_MINUTE)]

    await keeper(pool).keep()

    assert old not in [span.lower for span in await spans(pool, COUNTS_BY_MINUTE)]


async def test_the_rows_of_the_largest_partition_that_is_written_now_are_told(
    pool: asyncpg.Pool, tables: Database
) -> None:
    """As the server estimates them: nobody counts fifty million rows to say that they are many."""
    registry = CollectorRegistry()
    name = "ledgerline_log_partition_rows"
    await keeper(pool, now=NOW - 2 * DAY).keep()
    kept = keeper(pool, registry=registry)
    await kept.keep()
    assert registry.get_sample_value(name) == 0

    counts = {-2: 9, -1: 5, 0: 7, 1: 0}
    times = [NOW + days * DAY for days, rows in counts.items() for _ in range(rows)]
    async with pool.acquire() as connection:
        at = [datetime.fromtimestamp(time, UTC) for time in times]
        await insert_rows(connection, [row_of(request(completed_at=each)) for each in at])
    by_hand = await asyncpg.connect(tables.dsn("superuser"))
    try:
        await by_hand.execute("ANALYZE logging.logs")
    finally:
        await by_hand.close()
    await kept.keep()

    assert registry.get_sample_value(name) == 7

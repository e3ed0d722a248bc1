"""An hour that is added up again is what ingest had made of it, to the byte."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import asyncpg
import pytest
from hypothesis import given

from services.logging.ingest import gate
from services.logging.ingest.batch import Beside
from services.logging.rebuild.checking import by_day, check, check_stretch
from services.logging.rebuild.hours import HourRebuilder
from services.logging.rows.rows import LogRow
from services.logging.sketches.sketch import Sketch
from services.logging.usage.measures import SKETCHES
from shared.postgres.pool import open_pool
from shared.postgres.retrying import Connection, in_transaction
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.ingesting import empty, ingest
from tests.integration.logging_service.trying import tries
from tests.log_model import strategies
from tests.log_model.model import LogModel
from tests.log_model.strategies import Span
from tests.stack_fixtures import Database

DAY = 86_400
HOUR = 3_600
BEGINS_AT = 1_767_225_600 - DAY
SPAN = Span(BEGINS_AT, 2 * DAY)
ENDS_AT = BEGINS_AT + 2 * DAY
ADDED_UP = (
    *("log_counts_day", "log_counts_hour", "log_counts_minute", "log_counts_second"),
    *("usage_hourly", "usage_daily", "usage_site_hourly", "usage_site_daily", "log_checks"),
)


async def all_sums(pool: asyncpg.Pool) -> dict[str, list[Any]]:
    """Everything that is added up, whoever wrote it and when."""
    found: dict[str, list[Any]] = {}
    for table in ADDED_UP:
        rows = [dict(row) for row in await pool.fetch(f"SELECT * FROM {table}")]
        for row in rows:
            row.pop("created_at", None)
            row.pop("updated_at", None)
            for name in row.keys() & set(SKETCHES):  # in however many parts they were added
                row[name] = Sketch.from_bytes(row[name]).to_bytes()
        found[table] = sorted(map(repr, rows))
    found["log_checks"] = sorted(
        map(
            repr,
            await pool.fetch(
                "SELECT bucket, sum(rows), sum(quota), sum(tokens), bit_xor(marks), sum(requests),"
                " sum(request_quota), bit_xor(request_marks) FROM log_checks GROUP BY 1"
            ),
        )
    )
    return found


async def rebuild_all(pool: asyncpg.Pool, rows: Iterable[LogRow]) -> None:
    """Every hour that they have to do with."""
    rebuilder = HourRebuilder(pool, partition_hours=24)
    times = {time for row in rows for time in (row.created_at, row.bucket_at or row.created_at)}
    for hour in {time // HOUR * HOUR for time in times}:
        await rebuilder.rebuild(hour)


@tries(8)
@given(batches=strategies.batches(SPAN))
async def test_what_is_lost_or_wrong_is_as_ingest_had_it_after_a_rebuild(
    tables: Database, pool: asyncpg.Pool, batches: list[list[LogRow]]
) -> None:
    await empty(tables)
    kept = Beside.over(pool, partition_hours=24)
    for slot, rows in enumerate(batches):
        await ingest(pool, kept, rows, slot=slot)
    before = await all_sums(pool)
    assert (await check(pool, BEGINS_AT, ENDS_AT)).is_clean
    rows = [row for batch in batches for row in batch]
    await rebuild_all(pool, rows)
    assert await all_sums(pool) == before
    for table in ADDED_UP:
        await pool.execute(f"DELETE FROM {table}")
    await rebuild_all(pool, rows)
    assert await all_sums(pool) == before


def request(number: int, created_at: int, **other: Any) -> LogRow:
    values: dict[str, Any] = {
        "event_id": f"01a2073f-ffd9-71b5-9d24-{number:012x}",
        "workspace_id": 7,
        "user_id": 70 + number % 3,
        "created_at": created_at,
        "type": 2,
        "content": "API call succeeded",
        "username": f"user-{number % 3}",
        "token_name": "default",
        "model_name": ("gpt-4o", "gpt-4.1")[number % 2],
        "quota": number,
        "prompt_tokens": 3,
        "token_id": number % 6 + 1,
        "group": "default",
        "outcome": "succeeded",
        "status_code": 200,
        "latency_ms": number * 13,
        "first_byte_ms": number,
    }
    return LogRow(**(values | other))


FAULTS = {
    "DELETE FROM logs WHERE quota = 5": "rows = checks: rows",
    "UPDATE logs SET quota = quota + 1 WHERE quota = 5": "rows = checks: quota",
    "UPDATE logs SET event_id = gen_random_uuid() WHERE quota = 5": "rows = checks: marks",
    "UPDATE log_counts_hour SET rows = rows + 1": "rows = log_counts_hour of facet 0: rows",
    "DELETE FROM log_counts_minute": "rows = log_counts_minute of facet 3: quota",
    "UPDATE log_counts_second SET tokens = 0": "rows = log_counts_second of facet 1: tokens",
    "UPDATE log_counts_day SET quota = quota - 1": "log_counts_day of facet 2: rows",
    "UPDATE usage_hourly SET request_count = request_count + 1": "checks = usage_hourly: requests",
    "UPDATE usage_hourly SET marks = marks + 1": "checks = usage_hourly: request_marks",
    "UPDATE usage_hourly SET returned_quota = 9": "rows = usage_hourly: returned_quota",
    "UPDATE usage_daily SET total_tokens_input = 1": "hours = usage_daily: requests",
    "UPDATE usage_site_hourly SET max_latency_ms = 1": "usage_hourly = usage_site_hourly: requests",
    "DELETE FROM usage_site_daily": "hours = usage_site_daily: requests",
    "UPDATE usage_daily SET latency = ''": "usage_daily: sketches of latency",
    "UPDATE usage_site_hourly SET first_byte = ''": "usage_site_hourly: sketches of first_byte",
    "DELETE FROM log_checks": "rows = checks: requests",
}


async def test_each_fault_is_named_with_its_bucket_and_mended(
    tables: Database, pool: asyncpg.Pool
) -> None:
    await empty(tables)
    kept = Beside.over(pool, partition_hours=24)
    rows = [request(number, BEGINS_AT + number * 977) for number in range(40)]
    await ingest(pool, kept, rows)
    assert (await check(pool, BEGINS_AT, ENDS_AT)).is_clean
    before = await all_sums(pool)
    for fault, named in FAULTS.items():
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(fault)
            found = await check_in(connection)
            await transaction.rollback()
        assert any(named in each for each in found), (fault, found)
    for fault in FAULTS:
        if " logs " not in fault:
            await pool.execute(fault)
    assert not (await check(pool, BEGINS_AT, ENDS_AT)).is_clean
    await rebuild_all(pool, rows)
    assert (await check(pool, BEGINS_AT, ENDS_AT)).is_clean
    assert await all_sums(pool) == before


async def check_in(connection: Connection) -> list[str]:
    return [
        difference.as_text
        for stretch in by_day(BEGINS_AT, ENDS_AT)
        for difference in (await check_stretch(connection, stretch)).differences
    ]


async def test_rebuilding_beside_ingest_loses_and_doubles_nothing(tables: Database) -> None:
    """Late events come into the hours that are rebuilt, and others into the same days."""
    await empty(tables)
    rows = [request(number, BEGINS_AT + number * 577 % (3 * HOUR)) for number in range(300)]
    model = LogModel()
    model.ingest(rows)
    async with (
        open_pool(tables.dsn("logging"), min_size=1, max_size=3, application_name="one") as one,
        open_pool(tables.dsn("logging"), min_size=1, max_size=3, application_name="two") as two,
        open_pool(tables.dsn("logging"), min_size=1, max_size=3, application_name="three") as three,
    ):
        writers = asyncio.gather(
            *(in_batches(pool, rows[start::2], start) for start, pool in enumerate((one, two)))
        )
        rebuilder = HourRebuilder(three, partition_hours=24)
        rounds = 0
        while not writers.done() or not rounds:
            for hour in range(BEGINS_AT, BEGINS_AT + 3 * HOUR, HOUR):
                await rebuilder.rebuild(hour)
            rounds += 1
        await writers
        found = await check(one, BEGINS_AT, ENDS_AT)
        assert found.is_clean, list(found.as_text())
        assert await one.fetchval("SELECT sum(request_count)::int FROM usage_daily") == 300
        assert await one.fetchval("SELECT count(*)::int FROM logs") == 300


async def in_batches(pool: asyncpg.Pool, rows: list[LogRow], slot: int) -> None:
    kept = Beside.over(pool, partition_hours=24)
    for start in range(0, len(rows), 15):
        await ingest(pool, kept, rows[start : start + 15], slot=slot)


async def test_a_rebuild_that_is_cut_off_leaves_the_hour_as_it_was_and_marked(
    tables: Database, pool: asyncpg.Pool
) -> None:
    await empty(tables)
    await ingest(
        pool,
        Beside.over(pool, partition_hours=24),
        [request(number, BEGINS_AT + number) for number in range(9)],
    )
    await pool.execute(
        "INSERT INTO log_dirty_hours (bucket, reason) VALUES ($1, 'a test')", BEGINS_AT
    )
    before = await all_sums(pool)
    async with (
        open_pool(
            tables.dsn("logging"), min_size=1, max_size=3, application_name="cut off"
        ) as doomed,
        pool.acquire() as holder,
        holder.transaction(),
    ):
        # The last thing that it writes: all else is done by then.
        await holder.execute("SELECT FROM log_counts_day FOR UPDATE")
        rebuilding = asyncio.create_task(
            HourRebuilder(doomed, partition_hours=24).rebuild(BEGINS_AT)
        )
        await until(waiting(pool, "cut off"), "the rebuild waits for the day")
        rebuilding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rebuilding
    assert await all_sums(pool) == before
    assert await pool.fetchval("SELECT count(*) FROM log_dirty_hours") == 1
    await HourRebuilder(pool, partition_hours=24).rebuild(BEGINS_AT)
    assert await all_sums(pool) == before
    assert await pool.fetchval("SELECT count(*) FROM log_dirty_hours") == 0


async def test_an_hour_waits_for_who_writes_its_rows(tables: Database, pool: asyncpg.Pool) -> None:
    await empty(tables)
    async with open_pool(
        tables.dsn("logging"), min_size=1, max_size=3, application_name="patient"
    ) as patient:
        writing = asyncio.Event()

        async def hold(connection: Connection) -> None:
            await gate.enter(connection)
            await gate.lock_hours(connection, [BEGINS_AT])
            writing.set()
            await until(waiting(pool, "patient"), "the rebuild waits for the hour")

        holding = asyncio.create_task(in_transaction(pool, hold))
        await writing.wait()
        await HourRebuilder(patient, partition_hours=24).rebuild(BEGINS_AT)
        await holding


def waiting(pool: asyncpg.Pool, name: str) -> Callable[[], Awaitable[bool]]:
    async def waits() -> bool:
        return bool(
            await pool.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = $1 AND wait_event_type = 'Lock'",
                name,
            )
        )

    return waits

"""The site's periods: what is over goes by itself, and nothing else does."""

from datetime import UTC, datetime

import asyncpg
import pytest
from pydantic import SecretStr, ValidationError

from services.logging.ingest.batch import Beside
from services.logging.partitions.spans import DAY, LOGS, USAGE_HOURLY, Span
from services.logging.partitions.store_partitions import ensure, partitions
from services.logging.rebuild.checking import check
from services.logging.retention.periods import Periods
from services.logging.retention.store_expiring import Starts, starts
from services.logging.settings import LoggingSettings
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.clean_ups import clean_ups_running
from tests.integration.logging_service.ingesting import ingest
from tests.integration.logging_service.test_clean_up import add, left
from tests.integration.logging_service.test_workspace_retention import made
from tests.stack_fixtures import Database

NOW = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)
MIDNIGHT = int(datetime(2026, 3, 20, tzinfo=UTC).timestamp())


def days_ago(days: int) -> int:
    return MIDNIGHT - days * DAY


async def has_notes(pool: asyncpg.Pool, count: int) -> bool:
    found = await pool.fetchval(
        "SELECT count(*) FROM log_clean_ups WHERE kind = 'retention' AND finished_at IS NOT NULL"
    )
    return bool(found == count)


async def test_rows_go_when_their_days_are_over(pool: asyncpg.Pool, tables: Database) -> None:
    await add(pool, days_ago(9), days_ago(8) - 1, days_ago(7) - 1, days_ago(7), MIDNIGHT)

    async with clean_ups_running(tables, periods=Periods(7), clock=lambda: NOW):
        await until(lambda: has_notes(pool, 1), "the period's end is carried out")

    assert await left(pool) == [days_ago(7), MIDNIGHT]
    note = await pool.fetchrow("SELECT * FROM log_clean_ups")
    assert note is not None
    told = [note[name] for name in ("target_timestamp", "deleted_rows", "started_by")]
    assert told == [days_ago(7), 3, 0]
    # Only days as a whole: no row had to be deleted by itself.
    assert note["partitions_dropped"] == 2
    async with pool.acquire() as connection:
        assert len(await partitions(connection, LOGS)) == 2


async def test_it_is_begun_once_a_day(pool: asyncpg.Pool, tables: Database) -> None:
    async with clean_ups_running(tables, periods=Periods(7), clock=lambda: NOW):
        await until(lambda: has_notes(pool, 1), "the period's end is carried out")
    await add(pool, days_ago(6))
    tomorrow = NOW.replace(day=21)
    async with clean_ups_running(tables, periods=Periods(7), clock=lambda: tomorrow):
        await until(lambda: has_notes(pool, 2), "the next day's end is carried out")
    assert await left(pool) == [days_ago(6)]
    assert await pool.fetchval("SELECT count(*) FROM log_clean_ups") == 2


async def usage_was(pool: asyncpg.Pool) -> tuple[list[int], list[int]]:
    """The site's hours and days that are there, and the months of hours."""
    hours = await pool.fetch("SELECT bucket FROM log_checks ORDER BY 1")
    async with pool.acquire() as connection:
        months = await partitions(connection, USAGE_HOURLY)
    return [row[0] for row in hours], [one.span.lower for one in months]


async def test_usage_outlives_rows_and_goes_by_its_own_periods(
    pool: asyncpg.Pool, tables: Database
) -> None:
    january, february, march = (
        int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) for month in (1, 2, 3)
    )
    async with pool.acquire() as connection:
        for lower, upper in ((january, february), (february, march), (march, march + 31 * DAY)):
            await ensure(connection, USAGE_HOURLY, Span(lower, upper))
        for bucket in (january, february, march):
            await connection.execute(
                "INSERT INTO log_checks VALUES ($1, 1, 1, 1, 1, 1, 1, 1, 1)", bucket
            )

    # Thirty days ago is in February: January goes, and February stays whole.
    async with clean_ups_running(tables, periods=Periods(7, 30, 45), clock=lambda: NOW):
        await until(lambda: begins_usage(pool, february), "usage ended")
        await until(lambda: has_hours(pool, [february, march]), "the hours before are deleted")
    assert (await usage_was(pool))[1] == [february, march]
    async with pool.acquire() as connection:
        assert await starts(connection) == Starts(days_ago(7), february, days_ago(45))


async def test_check_does_not_miss_the_days_that_are_over_while_their_hours_are_kept(
    pool: asyncpg.Pool, tables: Database
) -> None:
    """Hours of usage go by whole months: those of a day that is gone are still there."""
    rows = [made(7, days_ago(ago)) for ago in range(20)]
    await ingest(pool, Beside.over(pool, partition_hours=24), rows)
    async with clean_ups_running(tables, periods=Periods(7, 10, 10), clock=lambda: NOW):
        await until(lambda: has_days_from(pool, days_ago(10)), "days of usage ended")
    found = await check(pool, days_ago(20), days_ago(0))
    assert found.is_clean, list(found.as_text())


async def has_days_from(pool: asyncpg.Pool, day: int) -> bool:
    return bool(await pool.fetchval("SELECT min(day) FROM usage_daily") == day)


async def begins_usage(pool: asyncpg.Pool, at: int) -> bool:
    async with pool.acquire() as connection:
        return (await starts(connection)).usage_hourly == at


async def has_hours(pool: asyncpg.Pool, hours: list[int]) -> bool:
    return (await usage_was(pool))[0] == hours


def test_a_setting_that_lets_rows_outlive_usage_is_refused() -> None:
    with pytest.raises(ValidationError, match="must not be kept for longer"):
        LoggingSettings(
            instance="logging-0",
            kafka_bootstrap="127.0.0.1:1",
            http_port=1,
            internal_port=2,
            service_secret=SecretStr("made-up"),
            postgres_dsn=SecretStr("made-up"),
            control_internal_url="http://127.0.0.1:1",
            billing_internal_url="http://127.0.0.1:1",
            log_retention_days=90,
            usage_hourly_retention_days=30,
        )

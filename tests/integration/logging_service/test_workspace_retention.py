"""A workspace that keeps its rows for less time: they go from among others', counts and all."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.logging.buckets import Grain
from services.logging.ingest.batch import Beside
from services.logging.ingest.checks import Check, sum_up
from services.logging.ingest.counting import count
from services.logging.ingest.store_counts import TABLES
from services.logging.listing.filters import Filters, Page
from services.logging.listing.pages import Pages
from services.logging.listing.reading import Reading
from services.logging.partitions.spans import DAY, HOUR
from services.logging.rebuild.checking import check
from services.logging.rebuild.hours import HourRebuilder
from services.logging.retention.store_retention import put
from services.logging.retention.store_workspaces import begin_due
from services.logging.rows.rows import LogRow
from shared.audit.actions import Actor
from shared.events.directory import Role
from shared.events.event import new_event_id
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.clean_ups import PHASE_ROWS, clean_ups_running
from tests.integration.logging_service.ingesting import counts, ingest
from tests.integration.logging_service.test_clean_up_killed import killed_where
from tests.stack_fixtures import Database

ROOT = Actor(user_id=1, name="root", role=Role.ROOT, workspace_id=1)
SHORT, OTHER = 7, 9
DAYS = 2
# Behind what the migration set, so that every grain is kept.
NOW = datetime(2031, 12, 30, 10, 30, tzinfo=UTC)
KEPT_FROM = int(NOW.timestamp()) // DAY * DAY - DAYS * DAY


def made(workspace_id: int, created_at: int) -> LogRow:
    return LogRow(
        event_id=str(UUID(new_event_id())),
        workspace_id=workspace_id,
        user_id=10 * workspace_id,
        created_at=created_at,
        type=2,
        content="API call succeeded",
        username="ada",
        model_name="m",
        quota=created_at % 97,
        prompt_tokens=3,
        token_id=100 * workspace_id,
        group="default",
    )


def some_rows() -> list[LogRow]:
    """Of both, on both sides of the end of the period, and several phases of them."""
    return [
        made(workspace_id, KEPT_FROM + after)
        for workspace_id in (SHORT, OTHER)
        for after in (
            *range(-2 * DAY, -2 * DAY + 2 * PHASE_ROWS),
            *(-DAY - 1, -DAY, -1, 0, 1, DAY, DAY + 5),
        )
    ]


async def keep(pool: asyncpg.Pool, workspace_id: int, days: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await put(connection, workspace_id=workspace_id, days=days, actor=ROOT)


async def left(pool: asyncpg.Pool) -> set[str]:
    return {str(row[0]) for row in await pool.fetch("SELECT event_id FROM logs")}


async def is_over(pool: asyncpg.Pool) -> bool:
    return bool(
        await pool.fetchval(
            "SELECT count(*) FROM log_clean_ups WHERE workspace_id = $1 AND phase = 'finished'",
            SHORT,
        )
    )


def kept(rows: list[LogRow]) -> list[LogRow]:
    return [r for r in rows if r.workspace_id != SHORT or r.created_at >= KEPT_FROM]


async def assert_counts_are_of(pool: asyncpg.Pool, rows: list[LogRow]) -> None:
    """Every facet at every grain, and the checksums, as though the others had never been."""
    state = await pool.fetchrow("SELECT minutes_from, seconds_from FROM log_state")
    assert state is not None
    expected = count(rows, minutes_from=state["minutes_from"], seconds_from=state["seconds_from"])
    for grain in Grain:
        found = await counts(pool, TABLES[grain])
        wanted: dict[tuple[Any, ...], tuple[int, int, int]] = {
            (*key, bucket): (sums.rows, sums.quota, sums.tokens)
            for (key, bucket), sums in expected[grain].items()
        }
        assert {place: sums for place, sums in found.items() if any(sums)} == wanted, grain
    sums = ", ".join(f"sum({name})::bigint" for name in ("rows", "quota", "tokens"))
    checks = await pool.fetch(
        f"SELECT bucket, {sums}, bit_xor(marks), sum(requests)::bigint,"
        " sum(request_quota)::bigint, bit_xor(request_marks) FROM log_checks GROUP BY bucket"
    )
    there = {row[0]: Check(*tuple(row)[1:]) for row in checks}
    assert {hour: check for hour, check in there.items() if any(check)} == sum_up(rows)


async def test_its_rows_go_and_are_taken_out_of_the_counts(
    pool: asyncpg.Pool, tables: Database
) -> None:
    rows, process = some_rows(), Beside.over(pool, partition_hours=24)
    await ingest(pool, process, rows)
    await keep(pool, SHORT, DAYS)

    async with clean_ups_running(tables, clock=lambda: NOW):
        await until(lambda: is_over(pool), "the period's end is carried out")

    assert await left(pool) == {row.event_id for row in kept(rows)}
    await assert_counts_are_of(pool, kept(rows))
    note = await pool.fetchrow("SELECT * FROM log_clean_ups")
    assert note is not None
    told = [note[name] for name in ("workspace_id", "target_timestamp", "started_by", "phase")]
    assert told == [SHORT, KEPT_FROM, 0, "finished"]
    assert note["deleted_rows"] == note["rows_expected"] == len(rows) - len(kept(rows))

    late = [made(SHORT, KEPT_FROM - 1), made(SHORT, KEPT_FROM), made(OTHER, KEPT_FROM - 1)]
    written = await ingest(pool, process, late)
    assert (written.new, written.refused) == (2, 1)
    await assert_counts_are_of(pool, kept([*rows, *late]))


async def test_a_period_that_is_taken_back_brings_nothing_back(
    pool: asyncpg.Pool, tables: Database
) -> None:
    rows, process = some_rows(), Beside.over(pool, partition_hours=24)
    await ingest(pool, process, rows)
    await keep(pool, SHORT, DAYS)
    async with clean_ups_running(tables, clock=lambda: NOW):
        await until(lambda: is_over(pool), "the period's end is carried out")
    await pool.execute("DELETE FROM log_retention")

    written = await ingest(pool, process, [made(SHORT, KEPT_FROM - 1)])

    assert (written.new, written.refused) == (0, 1)


async def test_what_was_given_back_stays_in_usage_whoever_rebuilds_the_hour(
    pool: asyncpg.Pool, tables: Database
) -> None:
    """The refund's row goes; the hour of its charge has no row less, and keeps its usage."""
    charged_at = KEPT_FROM - DAY
    refund = made(SHORT, KEPT_FROM - HOUR)._replace(quota=-5, group="", bucket_at=charged_at)
    await ingest(pool, Beside.over(pool, partition_hours=24), [refund, made(OTHER, charged_at)])
    usage = "SELECT sum(returned_quota)::int FROM usage_hourly WHERE hour = $1"
    hour = charged_at // HOUR * HOUR
    assert await pool.fetchval(usage, hour) == 5
    await keep(pool, SHORT, DAYS)
    async with clean_ups_running(tables, clock=lambda: NOW):
        await until(lambda: is_over(pool), "the period's end is carried out")

    for _ in range(2):
        found = await check(pool, charged_at, KEPT_FROM)
        assert found.is_clean, list(found.as_text())
        rebuilt = await HourRebuilder(pool, partition_hours=24).rebuild(hour)
        assert (rebuilt.counts, rebuilt.usage) == (True, False)
        assert await pool.fetchval(usage, hour) == 5


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param("NEW.phase = 'rows' AND OLD.phase <> 'rows'", id="when it is begun"),
        pytest.param(f"NEW.deleted_rows = 2 * {PHASE_ROWS}", id="in a phase"),
        pytest.param("NEW.finished_at IS NOT NULL", id="at the end"),
    ],
)
async def test_killed_it_is_gone_on_with_and_subtracts_once(
    pool: asyncpg.Pool, tables: Database, condition: str
) -> None:
    rows = some_rows()
    await ingest(pool, Beside.over(pool, partition_hours=24), rows)
    async with killed_where(tables, condition, now=int(NOW.timestamp())):
        await keep(pool, SHORT, DAYS)

    async with clean_ups_running(tables, clock=lambda: NOW):
        await until(lambda: is_over(pool), "the period's end is carried out")

    assert await left(pool) == {row.event_id for row in kept(rows)}
    await assert_counts_are_of(pool, kept(rows))
    deleted = await pool.fetchval("SELECT sum(deleted_rows) FROM log_clean_ups")
    assert deleted == len(rows) - len(kept(rows))


async def test_pages_are_right_while_its_rows_are_being_deleted(pool: asyncpg.Pool) -> None:
    """Also where a page is looked for by the hour, and whole days of theirs are hidden."""
    others = [
        made(OTHER, KEPT_FROM - DAY + hour * HOUR + minute * 60)
        for hour in range(3, 24)
        for minute in (1, 2, 3)
    ]
    theirs = [made(SHORT, KEPT_FROM - DAY + hour * HOUR + 7) for hour in range(24)]
    await ingest(pool, Beside.over(pool, partition_hours=24), [*others, *theirs])
    await keep(pool, SHORT, DAYS)
    async with pool.acquire() as connection, connection.transaction():
        assert await begin_due(connection, midnight=KEPT_FROM + DAYS * DAY, most=1) == 1
    pages = Pages(Reading(pool, statement_timeout_ms=20_000))

    expected = sorted((row.created_at for row in others), reverse=True)
    for number in range(1, 9):
        # By type and group: no index leads to these, so that the hours are counted.
        found = await pages.page(Filters(type=2, group="default"), Page(number=number, size=10))
        assert found.total == len(others)
        begins = (number - 1) * 10
        assert [row["created_at"] for row in found.rows] == expected[begins : begins + 10]


async def test_what_the_sites_horizon_hides_is_left_to_the_sites_clean_up(
    pool: asyncpg.Pool, tables: Database
) -> None:
    rows = some_rows()
    await ingest(pool, Beside.over(pool, partition_hours=24), rows)
    horizon = KEPT_FROM - DAY
    await pool.execute("UPDATE log_state SET refuse_before = $1", horizon)
    await keep(pool, SHORT, DAYS)

    async with clean_ups_running(tables, clock=lambda: NOW):
        await until(lambda: is_over(pool), "the period's end is carried out")

    gone = [r for r in rows if r.workspace_id == SHORT and horizon <= r.created_at < KEPT_FROM]
    assert await left(pool) == {r.event_id for r in rows} - {r.event_id for r in gone}
    assert await pool.fetchval("SELECT deleted_rows FROM log_clean_ups") == len(gone)

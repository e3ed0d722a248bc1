"""What logging sees of its own sums: no drift while it does its work, and whatever was changed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from services.logging.drift import looking
from services.logging.drift.metrics import DriftMetrics
from services.logging.drift.watching import look_once
from services.logging.ingest.batch import Beside
from services.logging.partitions.spans import HOUR
from services.logging.rows.ledger_rows import ledger_row
from services.logging.rows.rows import LogRow
from shared.events.event import new_event_id
from shared.events.ledger import EntryKind
from shared.events.requests import ErrorCode, Outcome
from tests.integration.logging_service.ingesting import ingest
from tests.made_events import ledger_entry, request
from tests.made_rows import row_of
from tests.stack_fixtures import Database

NOW = datetime(2026, 11, 20, 10, 20, tzinfo=UTC)
THIS_HOUR = int(NOW.timestamp()) // HOUR * HOUR
CHECKS = {"rows", "counts", "usage", "site"}


def some_rows() -> list[LogRow]:
    """Of this hour, the last, the one before it, and one that nobody looks at."""
    ages = [timedelta(minutes=minutes) for minutes in (0, 10, 40, 100, 400)]
    events = [request(completed_at=NOW - age) for age in ages]
    failed = request(
        completed_at=NOW, outcome=Outcome.FAILED, error_code=ErrorCode.UPSTREAM_TIMEOUT, quota=0
    )
    refund = ledger_row(
        new_event_id(),
        ledger_entry(
            kind=EntryKind.REFUND,
            amount_units=7,
            posted_at=NOW,
            bucket_at=NOW - timedelta(minutes=40),
            refers_to_entry_id=1,
            key_id=70,
            model="gpt-4o-mini",
        ),
    )
    assert refund is not None
    return [*map(row_of, [*events, failed]), refund]


@pytest.fixture
async def written(pool: asyncpg.Pool) -> None:
    await ingest(pool, Beside.over(pool, partition_hours=24), some_rows())


@pytest.fixture
async def by_hand(tables: Database) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who may do everything."""
    path = {"search_path": "logging"}
    connection = await asyncpg.connect(tables.dsn("superuser"), server_settings=path)
    yield connection
    await connection.close()


async def drifting(pool: asyncpg.Pool) -> dict[str, tuple[int, int]]:
    drifts = await look_once(pool, clock=lambda: NOW)
    assert drifts.keys() == CHECKS
    return {
        check: (len(drift.differences), drift.units)
        for check, drift in drifts.items()
        if drift.differences
    }


@pytest.mark.usefixtures("written")
async def test_what_logging_does_never_drifts(pool: asyncpg.Pool) -> None:
    drifts = await look_once(pool, clock=lambda: NOW)

    assert await drifting(pool) == {}
    assert {check: drift.looked_at for check, drift in drifts.items()} == dict.fromkeys(CHECKS, 3)


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("change", "found"),
    [
        # As a quota, and as a quota of requests.
        ("UPDATE logs SET quota = quota + 5 WHERE created_at = {now} AND quota > 0", {"rows": 2}),
        ("DELETE FROM logs WHERE created_at = {now} AND quota = 0", {"rows": 5}),
        ("UPDATE log_counts_hour SET quota = quota + 5 WHERE bucket = {hour}", {"counts": 4}),
        ("DELETE FROM log_counts_hour WHERE bucket = {hour} - 3600", {"counts": 12}),
        ("UPDATE usage_hourly SET quota = quota + 5 WHERE hour = {hour}", {"usage": 1, "site": 1}),
        (
            "UPDATE usage_hourly SET returned_quota = 9 WHERE returned_quota = 7",
            {"usage": 1, "site": 1},
        ),
        ("DELETE FROM usage_hourly WHERE hour = {hour}", {"usage": 3, "site": 1}),
        ("UPDATE usage_site_hourly SET request_count = 9 WHERE hour = {hour}", {"site": 1}),
        ("UPDATE usage_hourly SET quota = 9 WHERE hour < {hour} - 7200", {}),
        ("DELETE FROM log_checks WHERE bucket = {hour}", {"rows": 7, "counts": 12, "usage": 3}),
    ],
)
async def test_whatever_was_changed_by_hand_is_seen(
    pool: asyncpg.Pool, by_hand: asyncpg.Connection, change: str, found: dict[str, int]
) -> None:
    await by_hand.execute(change.format(now=int(NOW.timestamp()), hour=THIS_HOUR))

    assert {check: count for check, (count, _) in (await drifting(pool)).items()} == found


@pytest.mark.usefixtures("written")
async def test_an_hour_with_too_many_rows_is_compared_without_them(
    pool: asyncpg.Pool, by_hand: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MAX_ROWS", 2)
    await by_hand.execute("UPDATE usage_hourly SET quota = quota + 5")
    await by_hand.execute("UPDATE logs SET quota = quota + 5")

    drifts = await look_once(pool, clock=lambda: NOW)

    assert drifts["rows"].looked_at == 2
    assert {each.bucket for each in drifts["usage"].differences if each.between.endswith("quota")}
    assert drifts["counts"].differences == ()


@pytest.mark.usefixtures("written")
async def test_an_hour_that_waits_to_be_rebuilt_is_left_out(
    pool: asyncpg.Pool, by_hand: asyncpg.Connection
) -> None:
    await by_hand.execute("UPDATE usage_hourly SET quota = quota + 5 WHERE hour = $1", THIS_HOUR)
    await by_hand.execute("INSERT INTO log_dirty_hours VALUES ($1, 'x')", THIS_HOUR)

    assert await drifting(pool) == {}


@pytest.mark.usefixtures("written")
async def test_what_was_deleted_is_no_drift(
    pool: asyncpg.Pool, by_hand: asyncpg.Connection
) -> None:
    """Neither at once, when rows are hidden and still there, nor when they are gone."""
    horizon = int(NOW.timestamp()) - 1_200
    await by_hand.execute("UPDATE log_state SET refuse_before = $1", horizon)
    assert await drifting(pool) == {}
    await by_hand.execute("DELETE FROM logs WHERE created_at < $1", horizon)
    assert await drifting(pool) == {}


@pytest.mark.usefixtures("written")
async def test_the_figures_are_what_prometheus_reads(
    pool: asyncpg.Pool, by_hand: asyncpg.Connection
) -> None:
    await by_hand.execute("UPDATE usage_hourly SET quota = quota + 5 WHERE hour = $1", THIS_HOUR)
    registry = CollectorRegistry()
    metrics = DriftMetrics(registry)

    metrics.found(await look_once(pool, clock=lambda: NOW))

    def value(name: str, check: str) -> float | None:
        return registry.get_sample_value(f"ledgerline_log_drift_{name}", {"check": check})

    assert (value("differences", "usage"), value("units", "usage")) == (1, 5)
    assert (value("differences", "counts"), value("looked_at", "rows")) == (0, 3)

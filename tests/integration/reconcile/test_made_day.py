"""The day that the benchmark makes is one that everybody agrees about."""

from datetime import UTC, datetime

import asyncpg

from operations.bench.hourly_report import fill_tables
from operations.bench.past_requests import DAY, PastDay, past_records
from tests.integration.reconcile.world import World


async def test_topic_and_tables_of_the_made_day_agree(world: World) -> None:
    day = PastDay(requests=300, workspaces=7, begins_at=datetime.now(UTC) - DAY)
    await world.publish(list(past_records(day)))
    connection = await asyncpg.connect(world.database.dsn("superuser"))
    try:
        await fill_tables(connection, day)
    finally:
        await connection.close()
    await world.catch_up()

    report = await world.report(hours=25)

    assert report.is_clean, report
    assert sum(row.requests for row in report.hours) == 300
    assert sum(row.ledger_entries for row in report.hours) == 294
    assert len(report.accounts) == 7

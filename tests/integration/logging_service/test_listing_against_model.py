"""Totals, sums, pages, cursors and searches are those of plain Python over the same rows.

`LEDGERLINE_PROPERTY_EXAMPLES=1000 make test ARGS=…` tries more than usual.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from services.logging.ingest.batch import Beside
from services.logging.listing.cursors import Place
from services.logging.listing.filters import Filters, Page
from services.logging.listing.pages import Pages
from services.logging.listing.reading import Reading
from services.logging.listing.stats import LogStats
from services.logging.listing.store_search import LogSearch
from services.logging.listing.totals import Totals
from services.logging.rows.rows import LogRow
from shared.postgres.retrying import Connection
from tests.integration.logging_service.ingesting import ingest
from tests.integration.logging_service.trying import tries
from tests.log_model.model import LogModel, Stored
from tests.log_model.strategies import Span, filters, rows

HOUR, DAY = 3_600, 86_400
MIDNIGHT = 1_767_225_600
KEYWORDS = ("gpt", "SONNET", "in time", "succeeded", "refunded", "4", "error", "zzz", "e", "%")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question."""

    filters: Filters
    page: Page
    keyword: str


@dataclass(frozen=True, kw_only=True)
class Log:
    """What there is, and what state it is in."""

    rows: list[LogRow]
    minutes_from: int
    seconds_from: int
    dirty_hours: set[int]
    refuse_before: int
    hidden: dict[int, int]
    """Workspaces whose rows before a time are being deleted."""
    asked: list[Asked]
    until: int


@st.composite
def logs(draw: st.DrawFn) -> Log:
    length_s = draw(st.sampled_from((150, 2 * HOUR, 3 * DAY)))
    begins_at = MIDNIGHT + draw(st.sampled_from((-40, 0, HOUR - 30, 5 * HOUR + 1)))
    span = Span(begins_at, length_s)
    times = span.times()
    asked = st.builds(
        Asked,
        filters=filters(span),
        page=st.builds(Page, number=st.integers(1, 4), size=st.sampled_from((1, 2, 5, 100))),
        keyword=st.sampled_from(KEYWORDS),
    )
    least = draw(st.sampled_from((0, 12, 25)))
    return Log(
        # Of itself it would nearly always try a few rows only.
        rows=draw(st.lists(rows(span), min_size=least, max_size=30, unique_by=_event_id)),
        minutes_from=draw(times) // DAY * DAY + draw(st.sampled_from((-DAY, 0, DAY))),
        seconds_from=draw(times) // 60 * 60 + draw(st.sampled_from((-60, 0, 60, -DAY))),
        dirty_hours=draw(st.sets(times.map(lambda time: time // HOUR * HOUR), max_size=6)),
        refuse_before=draw(st.one_of(st.just(0), times)),
        hidden=draw(st.dictionaries(st.sampled_from((7, 8, 9)), times, max_size=2)),
        asked=draw(st.lists(asked, min_size=6, max_size=6)),
        until=begins_at + length_s,
    )


@tries(25)
@given(logs())
@pytest.mark.usefixtures("tables")
async def test_whatever_is_asked_is_answered_as_the_rows_have_it(
    pool: asyncpg.Pool, log: Log
) -> None:
    model = await make(pool, log)
    reading = Reading(pool, statement_timeout_ms=20_000)
    pages, totals = Pages(reading), Totals()
    search, stats = LogSearch(reading), LogStats(reading)
    for asked in log.asked:
        note(str(asked))
        found = await pages.page(asked.filters, asked.page)
        expected = model.page(asked.filters, asked.page)
        assert ids(found.rows) == [each.id for each in expected]
        async with reading() as connection:
            total = await totals.of(connection, asked.filters)
        assert tuple(total) == tuple(model.total(asked.filters))
        assert found.total == model.total(asked.filters).rows
        is_last = asked.page.offset + asked.page.size >= found.total
        assert (found.next_cursor is None) == is_last
        await check_cursors(pages, model, asked, expected)
        # At that very second, and before the bucket of the last rows is whole.
        now = log.until - 1
        assert tuple((await stats.of(asked.filters, now=now)).as_json().values()) == model.stats(
            asked.filters, now=now
        )
        assert ids(await search.newest(asked.filters, asked.keyword)) == [
            each.id for each in model.search(asked.filters, asked.keyword, limit=1_000)
        ]


async def check_cursors(
    pages: Pages, model: LogModel, asked: Asked, expected: Sequence[Stored]
) -> None:
    """From each row of the page, from where none is, and from outside of the range."""
    places = [each.place for each in expected[:3]]
    for place in [*places, *((at, row_id + 1) for at, row_id in places), (0, 0), (2**62, 1)]:
        found = await pages.page(asked.filters, asked.page, Place(*place))
        following = model.after(asked.filters, place, asked.page.size)
        assert ids(found.rows) == [each.id for each in following]
        assert found.total == model.total(asked.filters).rows


async def make(pool: asyncpg.Pool, log: Log) -> LogModel:
    """The tables and the model of it; what is dirty, hidden or refused is wrong in the counts."""
    model = LogModel()
    model.ingest(log.rows)
    async with pool.acquire() as connection, connection.transaction():
        await empty(connection)
        await connection.execute(
            "UPDATE log_state SET refuse_before = 0, minutes_from = $1, seconds_from = $2,"
            " epoch = epoch + 1",
            log.minutes_from,
            log.seconds_from,
        )
    await ingest(pool, Beside.over(pool, partition_hours=24), log.rows)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("UPDATE log_state SET refuse_before = $1", log.refuse_before)
        for hour in log.dirty_hours:
            await spoil(connection, hour)
        for workspace_id, before in log.hidden.items():
            await hide(connection, workspace_id, before)
    stored = await pool.fetch("SELECT event_id::text, id FROM logs")
    model.renumber({row["event_id"]: row["id"] for row in stored})
    model.delete_before(log.refuse_before, now=2**40)
    for workspace_id, before in log.hidden.items():
        model.delete_of_workspace(workspace_id, before, now=2**40)
    return model


async def spoil(connection: Connection, hour: int) -> None:
    """Make the hour dirty, and every count that it is in a wrong one."""
    await connection.execute(
        "INSERT INTO log_dirty_hours (bucket, reason) VALUES ($1, 'a test')", hour
    )
    for table, size_s in (("day", DAY), ("hour", HOUR), ("minute", 60), ("second", 1)):
        await connection.execute(
            f"UPDATE log_counts_{table} SET rows = rows + 1000, quota = quota + 7"
            " WHERE bucket + $1 > $2 AND bucket < $2 + 3600",
            size_s,
            hour,
        )


async def hide(connection: Connection, workspace_id: int, before: int) -> None:
    """Begin to delete the workspace's rows, and get no further."""
    await connection.execute(
        "INSERT INTO log_workspace_horizons VALUES ($1, $2)", workspace_id, before
    )
    await connection.execute(
        "INSERT INTO log_clean_ups (target_timestamp, started_by, kind, workspace_id)"
        " VALUES ($1, 1, 'workspace', $2)",
        before,
        workspace_id,
    )


async def empty(connection: Connection) -> None:
    for table in (
        *("logs", "log_counts_day", "log_counts_hour", "log_counts_minute", "log_counts_second"),
        *("log_series", "log_dirty_hours", "log_workspace_horizons", "log_clean_ups"),
    ):
        await connection.execute(f"DELETE FROM {table}")


def _event_id(row: LogRow) -> str:
    return row.event_id


def ids(found: Sequence[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in found]

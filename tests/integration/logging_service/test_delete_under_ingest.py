"""What a deletion answers is what went, whatever comes before, meanwhile and late."""

import asyncio
import time
from collections.abc import AsyncIterator
from random import Random

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logging.buckets import Grain
from services.logging.ingest.batch import Beside
from services.logging.ingest.counting import Counted, count
from services.logging.retention.clean_ups import CleanUps
from services.logging.rows.rows import LogRow
from shared.postgres.pool import open_pool
from tests.integration.logging_service.clean_ups import clean_ups_running
from tests.integration.logging_service.ingesting import counts, empty, ingest
from tests.integration.logging_service.test_clean_up import ROOT
from tests.integration.logging_service.trying import tries
from tests.log_model import strategies
from tests.log_model.model import LogModel
from tests.log_model.strategies import Span
from tests.stack_fixtures import Database

BEGINS_AT = 1_767_225_600 - 86_400
SPAN = Span(BEGINS_AT, 3 * 86_400)
TARGETS = st.one_of(SPAN.times(), st.integers(int(time.time()) + 86_400, 10**11))


@pytest.fixture
async def pool(tables: Database) -> AsyncIterator[asyncpg.Pool]:
    """As many connections as wait for one another: writers have two, and a deletion one."""
    async with open_pool(
        tables.dsn("logging"), min_size=1, max_size=8, application_name="logging-test"
    ) as opened:
        yield opened


async def left(pool: asyncpg.Pool) -> dict[str, int]:
    rows = await pool.fetch("SELECT event_id, created_at FROM logs")
    return {str(row["event_id"]): row["created_at"] for row in rows}


async def assert_counts_behind_the_horizon(pool: asyncpg.Pool, rows: list[LogRow]) -> None:
    """Of whole hours; what lies before is read by nobody."""
    horizon = int(await pool.fetchval("SELECT refuse_before FROM log_state"))
    wanted = count(rows, minutes_from=0, seconds_from=0)[Grain.HOUR]
    found = await counts(pool, "log_counts_hour")
    assert {place: Counted(*sums) for place, sums in found.items() if place[-1] >= horizon} == {
        (*key, hour): sums for (key, hour), sums in wanted.items() if hour >= horizon
    }


@tries(15)
@given(
    batches=strategies.batches(SPAN, most=5),
    targets=st.lists(TARGETS, min_size=1, max_size=3),
    order=st.randoms(use_true_random=False),
)
async def test_each_deletion_answers_what_the_model_says(
    tables: Database,
    pool: asyncpg.Pool,
    batches: list[list[LogRow]],
    targets: list[int],
    order: Random,
) -> None:
    await empty(tables)
    model, process, clean_ups = LogModel(), Beside.over(pool, partition_hours=24), CleanUps(pool)
    steps: list[list[LogRow] | int] = [*batches, *targets, batches[0]]
    order.shuffle(steps)
    async with clean_ups_running(tables):
        for step in steps:
            if isinstance(step, int):
                deleted = await clean_ups.delete_before(step, ROOT)
                assert deleted == model.delete_before(step, now=int(time.time()))
            else:
                written = await ingest(pool, process, step)
                assert written.new == len(model.ingest(step).new)
    assert (await left(pool)).keys() == model.stored.keys()
    rows = [stored.row for stored in model.stored.values()]
    await assert_counts_behind_the_horizon(pool, rows)


@tries(15)
@given(
    batches=strategies.batches(SPAN, most=5),
    targets=st.lists(SPAN.times(), min_size=2, max_size=4),
)
async def test_beside_two_writers_each_row_is_counted_once_or_left(
    tables: Database, pool: asyncpg.Pool, batches: list[list[LogRow]], targets: list[int]
) -> None:
    await empty(tables)
    clean_ups = CleanUps(pool)

    async def write(parts: list[list[LogRow]], slot: int) -> int:
        process, new = Beside.over(pool, partition_hours=24), 0
        for part in parts:
            new += (await ingest(pool, process, part, slot=slot)).new
        return new

    async def delete(befores: list[int]) -> int:
        return sum([await clean_ups.delete_before(before, ROOT) for before in befores])

    async with clean_ups_running(tables):
        *written, first, second = await asyncio.gather(
            write(batches, 0),
            write(batches[::-1], 1),  # the same events once more: some come late
            delete(targets[::2]),
            delete(targets[1::2]),
        )

    rows = {row.event_id: row for batch in batches for row in batch}
    kept = {event_id for event_id, row in rows.items() if row.created_at >= max(targets)}
    assert (await left(pool)).keys() == kept
    assert sum(written) == first + second + len(kept)
    await assert_counts_behind_the_horizon(pool, [rows[event_id] for event_id in kept])

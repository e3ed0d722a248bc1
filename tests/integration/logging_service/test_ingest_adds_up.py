"""Counts, usage and checks are those of plain Python, whatever comes in which batches."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import reduce
from operator import xor
from typing import Any

import asyncpg
from hypothesis import given
from hypothesis import strategies as st

from services.logging.ingest.batch import Beside
from services.logging.ingest.checks import mark_of_uuid
from services.logging.rows.rows import LogRow
from services.logging.sketches.sketch import Sketch
from shared.postgres.pool import open_pool
from tests.integration.logging_service.ingesting import counts, emptied, ingest, usage
from tests.integration.logging_service.trying import tries
from tests.log_model import strategies
from tests.log_model import usage as model_usage
from tests.log_model.model import LogModel
from tests.log_model.row_rules import is_request, tokens_of
from tests.log_model.strategies import Span
from tests.stack_fixtures import Database

BEGINS_AT = 1_767_225_600 - 86_400
"""The day before a year begins: days, months and hours change in between."""
SPAN = Span(BEGINS_AT, 2 * 86_400)
GRAINS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
FACETS = {
    0: ("type",),
    1: ("type", "model_name", "channel_id", "group"),
    2: ("type", "token_name", "model_name", "channel_id", "group"),
    3: (
        *("type", "workspace_id", "user_id", "username", "token_id", "token_name", "model_name"),
        *("channel_id", "group"),
    ),
}
KEPT_AT = {"day": (0, 1, 2, 3), "hour": (0, 1, 2, 3), "minute": (0, 1, 3), "second": (0, 1)}
LEFT_OUT = {"username": "", "token_name": "", "model_name": "", "group": ""}
IN_ORDER = FACETS[3]
SUMS = (
    *("request_count", "success_count", "error_count", "rate_limited_count", "cache_hit_count"),
    *("timeout_count", "error_4xx_count", "error_5xx_count", "suppressed_count"),
    *("disconnected_count", "total_upstream_latency_ms", "total_request_bytes"),
    *("total_response_bytes", "total_tokens_input", "total_tokens_output"),
    *("total_tokens_cached", "quota", "returned_quota"),
)


@tries(40)
@given(
    batches=strategies.batches(SPAN),
    part=st.sampled_from([1, 3, 500]),
    horizons=st.tuples(
        st.sampled_from([0, 0, BEGINS_AT + 3_601, BEGINS_AT + 90_000]),
        st.sampled_from([0, 0, BEGINS_AT + 100_000]),
        st.sampled_from([0, 0, BEGINS_AT + 86_400]),
    ),
)
async def test_any_batches_in_any_order_split_and_repeated_add_up(
    tables: Database,
    pool: asyncpg.Pool,
    batches: list[list[LogRow]],
    part: int,
    horizons: tuple[int, int, int],
) -> None:
    refuse_before, of_workspace, grains_from = horizons
    await given_state(tables, refuse_before, of_workspace, grains_from)
    model, kept = LogModel(), Beside.over(pool, partition_hours=24)
    model.refuse_before = refuse_before
    model.workspace_horizons = {7: of_workspace}
    refused = 0
    for slot, rows in enumerate(batches):
        taken = model.ingest(rows)
        written = await ingest(pool, kept, rows, slot=slot, part=part)
        assert written.new == len(taken.new)
        refused += len({row.event_id for row in taken.refused})
        assert written.refused == len({row.event_id for row in taken.refused})
    await check_all(pool, model.accepted, grains_from)
    assert await pool.fetchval("SELECT coalesce(sum(events), 0)::int FROM log_refused") == refused


async def given_state(
    tables: Database, refuse_before: int, of_workspace: int, grains_from: int
) -> None:
    owner = await asyncpg.connect(tables.dsn("logging_owner"))
    try:
        await emptied(owner)
        await owner.execute(
            "UPDATE log_state SET refuse_before = $1, minutes_from = $2, seconds_from = $2",
            refuse_before,
            grains_from,
        )
        await owner.execute("INSERT INTO log_workspace_horizons VALUES (7, $1)", of_workspace)
    finally:
        await owner.close()


async def check_all(pool: asyncpg.Pool, rows: list[LogRow], grains_from: int = 0) -> None:
    """Every table against the rows that were taken."""
    found = await pool.fetch("SELECT event_id FROM logs")
    assert Counter(str(row[0]) for row in found) == Counter(row.event_id for row in rows)
    for grain, width in GRAINS.items():
        begins = grains_from if grain in ("minute", "second") else 0
        table = f"log_counts_{grain}"
        assert await counts(pool, table) == counted(rows, KEPT_AT[grain], width, begins), table
    assert await checks(pool) == checked(rows)
    for name, width in (("hour", 3_600), ("day", 86_400)):
        table = "usage_hourly" if name == "hour" else "usage_daily"
        exact = model_usage.usage(rows, grain=width, by=model_usage.by_key)
        compare_usage(await usage(pool, table, name), exact, table)
        by_site = model_usage.usage(
            rows, grain=width, by=lambda row: (row.provider_id or 0, row.model_name)
        )
        table = table.replace("usage", "usage_site")
        compare_usage(await usage(pool, table, name), by_site, table)


def counted(
    rows: Iterable[LogRow], facets: Iterable[int], width: int, begins: int
) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    found: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        bucket = row.created_at // width * width
        if bucket < begins:
            continue
        for facet in facets:
            key = [
                getattr(row, name) if name in FACETS[facet] else LEFT_OUT.get(name, 0)
                for name in IN_ORDER
            ]
            if facet == 0 and is_request(row):
                key[-1] = "*"
            sums = found[facet, *key, bucket]
            sums[0] += 1
            sums[1] += row.quota
            sums[2] += tokens_of(row)
    return {key: (sums[0], sums[1], sums[2]) for key, sums in found.items()}


async def checks(pool: asyncpg.Pool) -> dict[int, tuple[int, ...]]:
    rows = await pool.fetch(
        "SELECT bucket, sum(rows)::bigint, sum(quota)::bigint, sum(tokens)::bigint, bit_xor(marks),"
        " sum(requests)::bigint, sum(request_quota)::bigint, bit_xor(request_marks)"
        " FROM log_checks GROUP BY bucket"
    )
    return {row[0]: tuple(row)[1:] for row in rows}


def checked(rows: Iterable[LogRow]) -> dict[int, tuple[int, ...]]:
    hours: defaultdict[int, list[LogRow]] = defaultdict(list)
    for row in rows:
        hours[row.created_at // 3_600 * 3_600].append(row)
    return {hour: check_of(of_hour) for hour, of_hour in hours.items()}


def check_of(rows: list[LogRow]) -> tuple[int, ...]:
    requests = [row for row in rows if is_request(row)]
    return (
        *(len(rows), sum(row.quota for row in rows), sum(map(tokens_of, rows)), marks(rows)),
        *(len(requests), sum(row.quota for row in requests), marks(requests)),
    )


def marks(rows: Iterable[LogRow]) -> int:
    return reduce(xor, (mark_of_uuid(row.event_id) for row in rows), 0)


def compare_usage(
    found: dict[tuple[Any, ...], Any], exact: dict[Any, model_usage.Usage], table: str
) -> None:
    assert {(tuple(key), bucket) for key, bucket in exact} == set(found), table
    for (key, bucket), expected in exact.items():
        row = found[tuple(key), bucket]
        assert {name: row[name] for name in SUMS} == {
            name: getattr(expected, name) for name in SUMS
        }, table
        latencies = expected.latencies_ms
        assert row["total_latency_ms"] == sum(latencies)
        assert row["min_latency_ms"] == min(latencies, default=None)
        assert row["max_latency_ms"] == max(latencies, default=None)
        assert row["marks"] == marks(expected.requests)
        for sketch, percentile in (
            (row["latency"], expected.latency_ms),
            (row["first_byte"], expected.first_byte_ms),
        ):
            for share in (0.5, 0.95, 0.99, 0.999):
                near = Sketch.from_bytes(sketch).quantile(share)
                assert model_usage.is_near(near, percentile(share)), (table, share)
        if "daily" in table:
            peak = expected.peak_hour or (None, 0)
            assert (row["peak_hour"], row["peak_hour_requests"]) == peak
        if "site" not in table:
            users = {row.user_id for row in expected.requests} or {row["user_id"]}
            assert row["user_id"] in users


async def test_two_at_once_wait_for_each_other_and_do_not_deadlock(tables: Database) -> None:
    """They share every series, key, hour and day; each writes them in an order of its own."""
    async with (
        open_pool(tables.dsn("logging"), min_size=1, max_size=3, application_name="a") as one,
        open_pool(tables.dsn("logging"), min_size=1, max_size=3, application_name="b") as two,
    ):
        rows = made(600)
        await asyncio.gather(
            *(
                in_batches(pool, rows[start::2], slot)
                for slot, (pool, start) in enumerate(((one, 0), (two, 1)))
            )
        )
        await check_all(one, rows, await one.fetchval("SELECT seconds_from FROM log_state"))


async def in_batches(pool: asyncpg.Pool, rows: list[LogRow], slot: int) -> None:
    kept = Beside.over(pool, partition_hours=24)
    for start in range(0, len(rows), 60):
        # The same batch again, as after a crash.
        for _ in range(2):
            await ingest(pool, kept, rows[start : start + 60], slot=slot, part=25)


def made(count: int) -> list[LogRow]:
    """Of few keys and models, so that each batch has them all, in an order that changes."""
    return [
        LogRow(
            event_id=f"01a2073f-ffd9-71b5-9d24-{number * 7_919:012x}",
            workspace_id=number % 3 + 1,
            user_id=number % 3 + 10,
            created_at=BEGINS_AT + number * 577 % (2 * 86_400),
            type=2,
            content="API call succeeded",
            username=f"user-{number % 3}",
            token_name="default",
            model_name=("gpt-4o", "gpt-4.1")[number % 2],
            quota=number,
            token_id=number % 6,
            group="default",
            outcome="succeeded",
            status_code=200,
            latency_ms=number * 13,
        )
        for number in range(count)
    ]

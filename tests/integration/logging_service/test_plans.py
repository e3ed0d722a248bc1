"""No list walks the table: each statement has its index, and looks into few partitions."""

import re
from typing import Any

import asyncpg
import pytest

from services.logging.listing.cursors import Place
from services.logging.listing.filters import Filters, Page
from services.logging.listing.pages import Pages
from services.logging.listing.stats import LogStats
from services.logging.listing.store_search import LogSearch
from services.logging.partitions.spans import LOGS, usual_span
from services.logging.partitions.store_partitions import ensure
from tests.integration.logging_service.plans import ExplainedReading, Plan
from tests.log_model.counted import count_again
from tests.stack_fixtures import Database

DAY = 86_400
DAYS = 5
PER_DAY = 3_000
BEGINS_AT = 1_767_225_600
ENDS_AT = BEGINS_AT + DAYS * DAY
NOON = BEGINS_AT + 2 * DAY + DAY // 2
# One in 50 fails, one in 200 is no request; users, keys and models are of some numbers each.
FILL = """
INSERT INTO logs (event_id, workspace_id, user_id, created_at, type, content, username, token_name,
    model_name, quota, prompt_tokens, completion_tokens, use_time, is_stream, channel_id,
    channel_name, token_id, "group", ip, request_id, upstream_request_id, other)
SELECT event_id, n % 40, n % 400, at, kind, CASE kind
        WHEN 2 THEN 'API call succeeded' WHEN 4 THEN 'Too many requests' ELSE 'A note of ' || n
    END, 'user-' || n % 400, CASE n % 3 WHEN 0 THEN 'default' ELSE 'key-' || n % 800 END,
    CASE WHEN kind = 3 THEN '' ELSE 'model-' || n % 7 END, 1, 1, 1, 1, false, n % 5, '', n % 800,
    CASE WHEN kind = 3 THEN '' ELSE 'default' END, '', event_id::text, 'up-' || n, '{}'
FROM (
    SELECT n, at, uuidv7(to_timestamp(at) - now()) AS event_id,
        CASE WHEN n % 200 = 0 THEN 3 WHEN n % 50 = 1 THEN 4 ELSE 2 END AS kind
    FROM generate_series(0, $3::bigint - 1) AS n,
        LATERAL (SELECT $1::bigint + n * $2::bigint / $3::bigint AS at) AS time
) AS made
"""


@pytest.fixture
async def filled(pool: asyncpg.Pool, tables: Database) -> asyncpg.Pool:
    """Days of rows, counted, as the statistics of the tables know them."""
    async with pool.acquire() as connection:
        for day in range(DAYS):
            at = BEGINS_AT + day * DAY
            await ensure(connection, LOGS, usual_span(LOGS, at, partition_hours=24))
        await connection.execute(FILL, BEGINS_AT, DAYS * DAY, DAYS * PER_DAY)
        await count_again(connection)
    owner = await asyncpg.connect(tables.dsn("logging_owner"))
    try:
        await owner.execute("ANALYZE")
    finally:
        await owner.close()
    return pool


LISTS: tuple[tuple[str, dict[str, Any], int, str], ...] = (
    ("all", {}, 1, "pkey|created_at_id"),
    ("deep", {}, 700, "pkey|created_at_id"),
    ("last", {}, DAYS * PER_DAY // 20, "pkey|created_at_id"),
    ("user", {"user_id": 7}, 1, "user_id_created_at_id"),
    ("username", {"username": "user-7"}, 2, "user_id_created_at_id"),
    ("key", {"token_id": 7}, 1, "token_id_created_at_id"),
    ("key by name", {"token_name": "key-7"}, 1, "token_id_created_at_id"),
    ("model", {"model_name": "model-3"}, 1, "pkey|created_at_id"),
    ("models", {"model_name": "model-%"}, 30, "pkey|created_at_id"),
    ("workspace", {"workspace_id": 3}, 10, "pkey|created_at_id"),
    ("errors", {"type": 4}, 2, "pkey|created_at_id"),
    # The index of what is no request by its id has few rows, and is read whole where that is less.
    ("actions", {"type": 3}, 1, "pkey|created_at_id|request_id_idx"),
    ("channel and group", {"channel_id": 2, "group": "default"}, 50, "pkey|created_at_id"),
    ("range", {"start_timestamp": NOON, "end_timestamp": NOON + 1_000}, 1, "pkey|created_at_id"),
    ("user in a range", {"user_id": 7, "start_timestamp": NOON}, 1, "user_id_created_at_id"),
)


async def test_lists_walk_an_index_in_few_partitions(filled: asyncpg.Pool) -> None:
    for name, conditions, number, index in LISTS:
        filters = Filters(**conditions)
        for after in (None, Place(NOON, 3)):
            reading = ExplainedReading(filled)
            found = await Pages(reading).page(filters, Page(number=number, size=20), after)
            days = {row["created_at"] // DAY for row in found.rows} or {0}
            # The row that tells whether more follow may be of another day.
            check(name, reading.plans, most=max(days) - min(days) + 2)
            walks = [plan for plan in reading.plans if "ORDER BY created_at" in plan.statement]
            assert walks or after, name
            for plan in walks:
                assert re.search(index, plan.text), (name, plan.text)
        reading = ExplainedReading(filled)
        await LogStats(reading).of(filters, now=ENDS_AT - 5)
        check(name, reading.plans, most=2)


def check(name: str, plans: list[Plan], *, most: int) -> None:
    assert plans
    for plan in plans:
        assert not plan.reads_all, (name, plan.text)
        assert len(plan.partitions) <= most, (name, plan.statement, plan.text)


SEARCHES = (
    ("note of 200", "content_idx"),
    ("too MANY", "content_created_at_id"),
    ("error", "type_created_at_id"),
    ("model-3", "model_name_created_at_id"),
    ("succeeded", "pkey"),
    ("zzz", "content_idx"),
)


async def test_each_way_of_a_search_and_each_id_has_its_index(filled: asyncpg.Pool) -> None:
    """Reading all rows for a keyword that few have would take as long as there are rows."""
    for keyword, index in SEARCHES:
        reading = ExplainedReading(filled)
        await LogSearch(reading).newest(Filters(), keyword)
        searches = [plan for plan in reading.plans if "AS ways" in plan.statement]
        for plan in searches:
            assert not plan.reads_all, plan.text
            assert index in plan.text, plan.text
        # Most of what is looked for is found in the newest day.
        assert len(searches[0].partitions) == 1
    for name in ("request_id", "upstream_request_id"):
        reading = ExplainedReading(filled)
        wanted = await filled.fetchval(f"SELECT {name} FROM logs WHERE id = 77")
        found = await Pages(reading).page(Filters(**{name: wanted}), Page(number=1, size=20))
        assert found.total == len(found.rows) == 1
        for plan in reading.plans:
            assert not plan.reads_all, plan.text
            # An id of ours tells its time, an upstream's does not; a refund comes when it likes.
            is_late = name == "upstream_request_id" or "SELECT created_at" in plan.statement
            assert len(plan.partitions) <= (DAYS if is_late else 2), plan.text

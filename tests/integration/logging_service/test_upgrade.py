"""A log from before there were partitions is taken over whole, as one partition."""

import shutil
import time
from pathlib import Path

import asyncpg
import pytest

from services.logging.partitions.spans import DAY, HOUR, LOGS
from services.logging.partitions.store_partitions import FOREVER_AGO, partitions
from services.logging.sketches.sketch import Sketch
from shared.postgres.migrate import migrate
from shared.postgres.pool import open_pool
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.clean_ups import clean_ups_running
from tests.integration.logging_service.conftest import MIGRATIONS
from tests.integration.logging_service.test_clean_up import add, is_finished
from tests.stack_fixtures import Database

_BEFORE = ("0001_", "0002_")
_ROWS = 5_000
_STEP_S = 60
_FILL = """
INSERT INTO logs (event_id, workspace_id, user_id, created_at, type, content, username, token_name,
    model_name, quota, prompt_tokens, completion_tokens, use_time, is_stream, channel_id,
    channel_name, token_id, "group", ip, request_id, upstream_request_id, other)
SELECT gen_random_uuid(), n % 7, n % 11, $1::bigint + n * $2::bigint, 2, 'API call succeeded',
    'ada', 'default', 'm', n, 1, 1, 0, false, 1, 'c', n % 13, 'default', '', n::text, '', '{}'
FROM generate_series(0, $3::bigint - 1) AS n
"""
_MEASURES = (
    *("request_count", "success_count", "error_count", "rate_limited_count", "cache_hit_count"),
    *("timeout_count", "error_4xx_count", "error_5xx_count", "suppressed_count"),
    *("disconnected_count", "retried_count", "total_latency_ms", "total_upstream_latency_ms"),
    *("total_request_bytes", "total_response_bytes", "total_tokens_input"),
    *("total_tokens_output", "total_tokens_cached", "quota", "returned_quota", "marks"),
)
_USAGE = f"""
INSERT INTO usage_site_daily (day, latency, first_byte, provider_id, model, {", ".join(_MEASURES)})
VALUES ($1, $2, $3, 1, 'm', {", ".join("1" for _ in _MEASURES)})
"""


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The migrations of the release without partitions."""
    for file in sorted(MIGRATIONS.glob("*.sql")):
        if file.name.startswith(_BEFORE):
            shutil.copy(file, tmp_path)
    return tmp_path


async def test_rows_are_attached_and_their_hours_are_to_be_counted(
    database: Database, before: Path
) -> None:
    owner = database.dsn("logging_owner")
    begun = int(time.time())
    start = (int(time.time()) - 4 * DAY) // HOUR * HOUR
    deleted_before = start + 100 * _STEP_S
    await migrate(owner, schema="logging", directory=before)
    connection = await asyncpg.connect(owner)
    await connection.execute(_FILL, start, _STEP_S, _ROWS)
    await connection.execute(
        "INSERT INTO log_clean_ups (target_timestamp, deleted_rows, started_by)"
        " VALUES ($1, 3, 1), ($1 - 1, 5, 1)",
        deleted_before,
    )
    await connection.execute("UPDATE log_clean_ups SET finished_at = now() WHERE id = 2")
    await connection.close()

    await migrate(owner, schema="logging", directory=MIGRATIONS)

    async with open_pool(
        database.dsn("logging"), min_size=1, max_size=3, application_name="upgrade"
    ) as pool:
        async with pool.acquire() as service:
            (whole,) = await partitions(service, LOGS)
        ends = start + (_ROWS - 1) * _STEP_S
        assert (whole.name, whole.span.lower) == ("logs_before", FOREVER_AGO)
        assert whole.span.upper % DAY == 0
        assert begun < whole.span.upper <= (int(time.time()) // DAY + 1) * DAY
        assert await pool.fetchval("SELECT count(*) FROM logs") == _ROWS
        dirty = await pool.fetch("SELECT bucket FROM log_dirty_hours ORDER BY bucket")
        assert [row[0] for row in dirty] == list(range(start, ends + 1, HOUR))
        assert await pool.fetchval("SELECT refuse_before FROM log_state") == deleted_before

        # What the earlier release was cut off in is gone on with.
        async with clean_ups_running(database):
            await until(lambda: is_finished(pool), "the clean-up is carried out")
        counts = await pool.fetch("SELECT deleted_rows FROM log_clean_ups ORDER BY id")
        assert [row[0] for row in counts] == [103, 5]

        tomorrow = whole.span.upper
        await add(pool, start + 100 * _STEP_S, tomorrow)
        newest = await pool.fetchrow("SELECT id, created_at FROM logs ORDER BY id DESC LIMIT 1")
        assert newest is not None
        assert (newest["id"], newest["created_at"]) == (_ROWS + 2, tomorrow)


async def test_sketches_are_given_their_length(database: Database, tmp_path: Path) -> None:
    for file in sorted(MIGRATIONS.glob("*.sql"))[:6]:
        shutil.copy(file, tmp_path)
    owner = database.dsn("logging_owner")
    await migrate(owner, schema="logging", directory=tmp_path)
    connection = await asyncpg.connect(owner)
    try:
        # Version 1 with three bins, 300 of the first one; version 2 with one bin, 2**40 of it.
        narrow = bytes.fromhex("01" + "00000100e800" + "2c010000" + "01000000" + "02000000")
        wide = bytes.fromhex("02" + "0100" + "0000000000010000")
        for day, latency, first_byte in ((0, narrow, b""), (86_400, wide, narrow)):
            await connection.execute(_USAGE, day, latency, first_byte)
        await migrate(owner, schema="logging", directory=MIGRATIONS)

        found = await connection.fetch("SELECT * FROM usage_site_daily ORDER BY day")
        durations = {0: 300, 1: 1, 232: 2}
        assert [Sketch.from_bytes(row["latency"]).bins for row in found] == [durations, {1: 2**40}]
        assert [Sketch.from_bytes(row["first_byte"]).bins for row in found] == [{}, durations]
    finally:
        await connection.close()


async def test_an_empty_log_brings_no_partition(database: Database, before: Path) -> None:
    owner = database.dsn("logging_owner")
    await migrate(owner, schema="logging", directory=before)
    await migrate(owner, schema="logging", directory=MIGRATIONS)
    connection = await asyncpg.connect(database.dsn("logging"))
    try:
        assert await partitions(connection, LOGS) == []
        assert await connection.fetchval("SELECT refuse_before FROM log_state") == 0
    finally:
        await connection.close()

"""A process remembers partitions, and no others than those that are there."""

import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest

from services.logging.ingest.batch import Beside
from services.logging.partitions import covering
from services.logging.partitions.covering import Partitions
from services.logging.partitions.spans import DAY, LOGS, USAGE_HOURLY, usual_span
from services.logging.partitions.store_dropping import drop_alone
from services.logging.partitions.store_partitions import partitions
from services.logging.retention.store_expiring import move_usage
from services.logging.rows.rows import LogRow
from shared.events.event import new_event_id
from shared.postgres.retrying import CommitUnknownError, Connection
from tests.integration.logging_service.ingesting import ingest

LONG_AGO = int(time.time()) - 70 * DAY


def row(created_at: int, **more: object) -> LogRow:
    values = {
        "event_id": str(UUID(new_event_id())),
        "workspace_id": 7,
        "user_id": 1,
        "created_at": created_at,
        "type": 2,
        "content": "API call succeeded",
        "quota": 5,
        "token_id": 3,
        "group": "default",
    }
    return LogRow(**(values | more))  # type: ignore[arg-type]  # as the test names them


async def test_what_was_rolled_back_is_made_again(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Partitions(pool, partition_hours=24)

    async def lost(
        pool: asyncpg.Pool, work: Callable[[Connection], Awaitable[object]], *, idempotent: bool
    ) -> object:
        assert idempotent
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await work(connection)
            await transaction.rollback()
        raise CommitUnknownError

    with monkeypatch.context() as patched:
        patched.setattr(covering, "in_transaction", lost)
        with pytest.raises(CommitUnknownError):
            await made.cover(LOGS, [LONG_AGO])

    await made.cover(LOGS, [LONG_AGO])
    async with pool.acquire() as connection:
        assert any(one.span.has(LONG_AGO) for one in await partitions(connection, LOGS))


async def test_what_is_given_back_of_a_month_that_is_gone_is_written(pool: asyncpg.Pool) -> None:
    """By a process that has written to that month, and knows of no drop."""
    process, now = Beside.over(pool, partition_hours=24), int(time.time())
    await ingest(pool, process, [row(LONG_AGO)])
    month = usual_span(USAGE_HOURLY, LONG_AGO, partition_hours=24)
    async with pool.acquire() as connection:
        await move_usage(connection, hourly=month.upper, daily=0)
        for one in await partitions(connection, USAGE_HOURLY):
            if one.span == month:
                async with connection.transaction():
                    assert await drop_alone(connection, USAGE_HOURLY, one.name)

    refund = row(now, bucket_at=LONG_AGO, quota=-2, group="")
    written = await ingest(pool, process, [refund])

    assert written.new == 1
    day = LONG_AGO // DAY * DAY
    returned = await pool.fetchval("SELECT returned_quota FROM usage_daily WHERE day = $1", day)
    assert returned == 2

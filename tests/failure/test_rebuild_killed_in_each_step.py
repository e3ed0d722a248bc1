"""kill -9 of `services.logging rebuild` in each step: an hour is as it was, or as it has to be."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from deploy.local.stack import Stack
from shared.events.catalog import RELAY_REQUESTS
from shared.kafka.producer import IdempotentProducer
from tests.failure.held_steps import held, until_it_waits
from tests.failure.logging_commands import check, started
from tests.gateway.catching_up import caught_up
from tests.gateway.counting import reconcile
from tests.gateway.operator import Customer, Operator
from tests.made_events import outgoing, request

_DAY: Final = 86_400
_HOUR: Final = 3_600
_AGO_S: Final = 30 * _HOUR
"""An hour to which nobody adds any more, with counts of every grain but seconds."""
_REQUESTS: Final = 40
_EVERY_S: Final = 89
_HALF_S: Final = _HOUR // 2
_DEADLINE_S: Final = 120
_WRITTEN: Final = "INSERT OR UPDATE"
STEPS: Final = (
    ("log_counts_hour", "DELETE"),
    ("log_counts_hour", _WRITTEN),
    ("log_counts_day", _WRITTEN),
    ("usage_hourly", _WRITTEN),
    ("usage_daily", _WRITTEN),
    ("log_checks", "DELETE"),
    ("log_checks", _WRITTEN),
    ("usage_site_hourly", _WRITTEN),
    ("usage_site_daily", _WRITTEN),
    ("log_dirty_hours", "DELETE"),
    ("commit", _WRITTEN),
)
"""In the order of its transaction."""
_ADDED_UP: Final = {
    **{f"log_counts_{grain}": "bucket" for grain in ("second", "minute", "hour", "day")},
    **{f"usage{of}_hourly": "hour" for of in ("", "_site")},
    **{f"usage{of}_daily": "day" for of in ("", "_site")},
}
_NO_TURN: Final = "SELECT pg_advisory_lock(hashtextextended('logging.rebuild', 0))"
_TURN: Final = "SELECT pg_advisory_unlock(hashtextextended('logging.rebuild', 0))"
_CHECKS: Final = """
SELECT sum(rows) AS rows, sum(quota) AS quota, sum(tokens) AS tokens, bit_xor(marks) AS marks,
    sum(requests) AS requests, sum(request_quota) AS quota, bit_xor(request_marks) AS request_marks
FROM logging.log_checks WHERE bucket = $1
"""


async def test_wherever_it_is_killed_the_hour_is_whole_and_the_service_mends_it(
    drill_stack: Stack, operator: Operator
) -> None:
    """What is marked is counted from its rows meanwhile: totals are exact all the time."""
    customer = await operator.customer(quota_units=50_000_000)
    hour = (int(time.time()) - _AGO_S) // _HOUR * _HOUR
    await _ask(drill_stack, customer, hour)
    database = await asyncpg.connect(drill_stack.dsn("superuser"))
    try:
        right = await _sums(database, hour)
        await database.execute(_NO_TURN)  # the running service leaves what is marked alone
        async with _exact_all_the_time(operator, customer, hour):
            wrong = await _spoil(database, hour)
            assert wrong != right
            for table, before in STEPS:
                await _kill_rebuild_at(drill_stack, database, hour, table, before)
                is_done = table == "commit"
                assert await _sums(database, hour) == (right if is_done else wrong), table
                assert await _is_marked(database, hour) is not is_done, table
            await _spoil(database, hour)
            await database.execute(_TURN)
            async with asyncio.timeout(_DEADLINE_S):
                while await _is_marked(database, hour):
                    await asyncio.sleep(0.1)
            assert await _sums(database, hour) == right
    finally:
        await database.close()
    code, output = await check(drill_stack)
    assert code == 0, output
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def _kill_rebuild_at(
    stack: Stack, database: asyncpg.Connection, hour: int, table: str, before: str
) -> None:
    async with held(database, table, "logging rebuild", schema="logging", before=before):
        process = await started(stack, "rebuild", "--from", str(hour), "--to", str(hour + 1))
        try:
            await until_it_waits(database)
        finally:
            process.kill()
            await process.communicate()


async def _ask(stack: Stack, customer: Customer, hour: int) -> None:
    """Requests that ended in that hour, as late as a relay may tell of them."""
    events = [
        request(
            workspace_id=customer.workspace_id,
            user_id=customer.user_id,
            username=customer.username,
            key_id=customer.key_id,
            key_name="test",
            leases=(),
            started_at=at,
            completed_at=at,
            latency_ms=10 * number,
        )
        for number in range(_REQUESTS)
        for at in (datetime.fromtimestamp(hour + number * _EVERY_S, UTC),)
    ]
    key = b"%d" % customer.workspace_id
    async with IdempotentProducer(
        bootstrap=stack.kafka_bootstrap, client_id="late requests"
    ) as producer:
        await producer.send_all([outgoing(RELAY_REQUESTS.name, event, key=key) for event in events])
    await caught_up(stack)


async def _spoil(database: asyncpg.Connection, hour: int) -> dict[str, Any]:
    """Make every count of the hour wrong, and mark it; what its sums are then."""
    async with database.transaction():
        await database.execute(
            "INSERT INTO logging.log_dirty_hours (bucket, reason) VALUES ($1, 'a drill')"
            " ON CONFLICT DO NOTHING",
            hour,
        )
        for table in ("log_counts_minute", "log_counts_hour"):
            await database.execute(
                f"UPDATE logging.{table} SET rows = rows + 1, quota = quota + 7"
                " WHERE bucket >= $1 AND bucket < $2",
                hour,
                hour + _HOUR,
            )
    return await _sums(database, hour)


async def _sums(database: asyncpg.Connection, hour: int) -> dict[str, Any]:
    """All that is added up of the hour, and of its day."""
    day = hour - hour % _DAY
    found: dict[str, Any] = {"log_checks": tuple(await database.fetchrow(_CHECKS, hour) or ())}
    for table, bucket in _ADDED_UP.items():
        lower, upper = (day, day + 1) if "da" in table else (hour, hour + _HOUR)
        rows = await database.fetch(
            f"SELECT * FROM logging.{table} WHERE {bucket} >= $1 AND {bucket} < $2", lower, upper
        )
        told = [
            {name: value for name, value in row.items() if not name.endswith("ed_at")}
            for row in rows
        ]
        found[table] = sorted(map(repr, told))
    return found


async def _is_marked(database: asyncpg.Connection, hour: int) -> bool:
    return bool(
        await database.fetchval(
            "SELECT count(*) FROM logging.log_dirty_hours WHERE bucket = $1", hour
        )
    )


@asynccontextmanager
async def _exact_all_the_time(
    operator: Operator, customer: Customer, hour: int
) -> AsyncIterator[None]:
    """While it lasts the API is asked again and again, of the hour, of a part of it, and since."""
    of_customer = f"/api/log/?page_size=5&username={customer.username}&start_timestamp={hour}"
    ends = f"&end_timestamp={hour + _HOUR - 1}", f"&end_timestamp={hour + _HALF_S}", ""
    used = f"/api/usage/summary?workspace_id={customer.workspace_id}&from={hour}&to={hour + 1}"

    async def look() -> tuple[int, ...]:
        lists = [await operator.call("GET", of_customer + end) for end in ends]
        usage = await operator.call("GET", used)
        return (*(found["total"] for found in lists), usage["total"]["request_count"])

    async def look_on() -> None:
        while True:
            assert await look() == before
            await asyncio.sleep(0.05)

    before = await look()
    assert (before[0], before[1], before[3]) == (_REQUESTS, _HALF_S // _EVERY_S + 1, _REQUESTS)
    looking = asyncio.create_task(look_on())
    try:
        yield
    finally:
        looking.cancel()
        (outcome,) = await asyncio.gather(looking, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome

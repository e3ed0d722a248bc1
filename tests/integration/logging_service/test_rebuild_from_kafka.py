"""Usage of hours whose rows are gone is added up again from the topics."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from deploy.local.stack import Stack
from services.logging.rebuild.from_topic import TopicRebuilder
from services.logging.sketches.sketch import Sketch
from services.logging.usage.measures import SKETCHES
from shared.events.event import new_event_id
from shared.events.ids import event_uuid
from shared.events.ledger import EntryKind
from shared.kafka.producer import IdempotentProducer
from shared.kafka.spans import SpanReader
from tests.integration.logging_service.service import LoggingService
from tests.made_events import ledger_entry, outgoing, request

HOUR, DAY = 3_600, 86_400
ADDED_UP = ("usage_hourly", "usage_daily", "usage_site_hourly", "usage_site_daily")


async def usage(pool: asyncpg.Pool, day: int) -> dict[str, list[str]]:
    """Everything that is kept of a day's use."""
    found = {}
    for table in ADDED_UP:
        bucket = "hour" if "hour" in table else "day"
        rows = [
            dict(row)
            for row in await pool.fetch(
                f"SELECT * FROM {table} WHERE {bucket} >= $1 AND {bucket} < $2", day, day + DAY
            )
        ]
        for row in rows:
            del row["created_at"], row["updated_at"]
            row |= {name: Sketch.from_bytes(row[name]).to_bytes() for name in SKETCHES}
        found[table] = sorted(map(repr, rows))
    return found


async def test_it_is_what_ingest_had_made_of_the_same_events(
    infrastructure: Stack, service: LoggingService, producer: IdempotentProducer
) -> None:
    """Repeated events and refunds among them; the rows are deleted, and a horizon lies after."""
    pool = service.pool
    # A day that no other test writes to.
    day = 1_000_000_000 // DAY * DAY + random.SystemRandom().randrange(3_000) * DAY
    first, other = day + 5 * HOUR, day + 7 * HOUR
    requests = [
        request(
            key_id=number % 3 + 1,
            latency_ms=number * 11,
            quota=number,
            completed_at=datetime.fromtimestamp((first, other)[number % 2], UTC)
            + timedelta(seconds=number),
        )
        for number in range(20)
    ]
    refund_id = new_event_id()
    refund = ledger_entry(
        kind=EntryKind.REFUND,
        amount_units=4,
        refers_to_entry_id=7,
        refers_to_request_id=requests[4].request_id,
        bucket_at=requests[4].completed_at,
        posted_at=datetime.fromtimestamp(day + 3 * DAY, UTC),
        key_id=requests[4].key_id,
        model=requests[4].requested_model,
    )
    records = [outgoing("relay.requests", event) for event in requests]
    await producer.send_all(
        [*records, *records[:5], outgoing("billing.ledger", refund, event_id=refund_id)]
    )
    await service.has_rows([*(each.request_id for each in requests), event_uuid(refund_id)])
    before, checks = await usage(pool, day), await request_checks(pool, first)
    assert len(before["usage_hourly"]) >= 6
    assert "returned_quota': 4" in str(before["usage_hourly"])

    await pool.execute("DELETE FROM logs WHERE created_at < $1", day + DAY)
    await pool.execute("UPDATE log_state SET refuse_before = $1", day + DAY)
    for table in ADDED_UP:
        bucket = "hour" if "hour" in table else "day"
        await pool.execute(f"UPDATE {table} SET quota = 1 WHERE {bucket} >= $1", day)
    await pool.execute("DELETE FROM usage_hourly WHERE hour = $1", first)
    await pool.execute("UPDATE log_checks SET request_quota = 1 WHERE bucket = $1", first)
    async with SpanReader(
        bootstrap=infrastructure.kafka_bootstrap, client_id="logging-test"
    ) as reader:
        rebuilder = TopicRebuilder(pool, reader, partition_hours=24)
        await rebuilder.read(day, day + DAY)
        done: list[Any] = [await rebuilder.rebuild(hour) for hour in range(day, day + DAY, HOUR)]
    assert all(each.is_whole for each in done)
    assert sum(each.rows for each in done) == len(requests)
    assert await usage(pool, day) == before
    assert await request_checks(pool, first) == checks


async def request_checks(pool: asyncpg.Pool, hour: int) -> list[int]:
    row = await pool.fetchrow(
        "SELECT sum(requests)::int, sum(request_quota)::int, bit_xor(request_marks)"
        " FROM log_checks WHERE bucket = $1 AND slot <> -1",
        hour,
    )
    assert row is not None
    return list(row)

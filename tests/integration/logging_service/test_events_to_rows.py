"""From Kafka to the table: one row for each event, however often it comes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from services.logging.rows.rows import LogType
from shared.events.event import new_event_id
from shared.events.ledger import EntryKind
from shared.events.requests import Outcome
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.service import LoggingService
from tests.made_events import NOON, ledger_entry, outgoing, request


async def test_each_event_has_one_row_however_often_it_comes(
    service: LoggingService, producer: IdempotentProducer
) -> None:
    events = [request() for _ in range(50)]
    records = [outgoing("relay.requests", event, key=b"%d" % i) for i, event in enumerate(events)]
    last = request()

    await producer.send_all(records + records)
    await producer.send_all(
        [outgoing("relay.requests", last, key=record.key or b"") for record in records]
    )

    await service.has_rows([*(event.request_id for event in events), last.request_id])
    rows = await service.pool.fetchval(
        "SELECT count(*) FROM logs WHERE request_id = ANY($1::text[])",
        [event.request_id for event in events],
    )
    assert rows == len(events)


async def test_top_ups_are_rows_and_charges_are_not(
    service: LoggingService, producer: IdempotentProducer
) -> None:
    top_up, charge = new_event_id(), new_event_id()
    await producer.send_all(
        [
            outgoing(
                "billing.ledger",
                ledger_entry(kind=EntryKind.CHARGE, amount_units=-5),
                event_id=charge,
                extra_headers=(("ce_kind", b"charge"),),
            ),
            outgoing(
                "billing.ledger",
                ledger_entry(),
                event_id=top_up,
                extra_headers=(("ce_kind", b"top_up"),),
            ),
        ]
    )

    await service.has_rows([top_up])

    rows = await service.pool.fetch(
        "SELECT event_id, type FROM logs WHERE event_id = ANY($1::uuid[])", [top_up, charge]
    )
    assert [(row["event_id"], row["type"]) for row in rows] == [(UUID(top_up), LogType.RECHARGE)]


async def test_what_cannot_be_read_is_set_aside_and_what_follows_is_written(
    service: LoggingService, producer: IdempotentProducer
) -> None:
    good = request()
    readable = outgoing("relay.requests", good)
    unreadable = OutgoingRecord(readable.topic, readable.key, b'{"a":1}', readable.headers)

    await producer.send_all([unreadable, readable])

    await service.has_rows([good.request_id])
    async with service.session.get(service.internal_url + "/metrics") as response:
        text = await response.text()
    assert 'ledgerline_postgres_pool_connections{pool="consumer",state="idle"}' in text
    assert 'ledgerline_consumer_dead_letters_total{group="logging",reason="malformed"' in text


async def test_of_many_one_that_is_bad_and_one_from_next_week_cost_the_others_nothing(
    service: LoggingService, producer: IdempotentProducer
) -> None:
    """Nor is a partition made for what no clock can say."""
    workspace_id = 4_711
    good = [request(workspace_id=workspace_id) for _ in range(300)]
    next_week = datetime.now(UTC) + timedelta(days=7)
    records = [outgoing("relay.requests", event) for event in good]
    bad = OutgoingRecord(records[0].topic, records[0].key, b'{"a":1}', records[0].headers)
    records[150:150] = [bad, outgoing("relay.requests", request(completed_at=next_week))]

    await producer.send_all(records)

    await service.has_rows(event.request_id for event in good)
    counted = await service.pool.fetchval(
        "SELECT sum(rows) FROM log_counts_day JOIN log_series USING (series_id)"
        " WHERE facet = 3 AND workspace_id = $1",
        workspace_id,
    )
    assert counted == len(good)
    used = await service.pool.fetchval(
        "SELECT sum(request_count) FROM usage_daily WHERE workspace_id = $1", workspace_id
    )
    assert used == len(good)
    uppers = await service.pool.fetchval(
        "SELECT max(upper) FROM log_partitions WHERE parent = 'logs'"
    )
    assert uppers < next_week.timestamp()


async def test_an_interrupted_request_that_is_told_of_with_two_times_has_one_row(
    service: LoggingService, producer: IdempotentProducer
) -> None:
    """Whoever recovered it died, and the next one took the time anew: another partition."""
    once = request(outcome=Outcome.INTERRUPTED, quota=0, completed_at=NOON)
    again = once.model_copy(update={"completed_at": NOON + timedelta(days=1)})
    last = request()
    for event in (once, again, last):
        await producer.send_all([outgoing("relay.requests", event)])

    await service.has_rows([once.request_id, last.request_id])

    rows = await service.pool.fetch(
        "SELECT created_at FROM logs WHERE request_id = $1", once.request_id
    )
    assert [row[0] for row in rows] == [int(NOON.timestamp())]


async def test_a_batch_and_its_watermark_are_one_transaction(
    pool: asyncpg.Pool, service: LoggingService, producer: IdempotentProducer
) -> None:
    events = [request() for _ in range(20)]
    await producer.send_all([outgoing("relay.requests", event) for event in events])
    await service.has_rows(event.request_id for event in events)

    async def mark_is_behind_them() -> bool:
        last = await pool.fetch("SELECT last_event_id FROM consumer_watermarks")
        return any(row["last_event_id"] == events[-1].request_id for row in last)

    await until(mark_is_behind_them, "the watermark of the partition names its last event")

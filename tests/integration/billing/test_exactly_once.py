"""From the topic to the ledger, once, whatever is forgotten or overtaken on the way."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from deploy.local.stack import Stack
from services.billing.handlers import CONSUMER_GROUP, ChargeRequests
from services.billing.metrics import BillingMetrics
from shared.events.event import new_event_id
from shared.events.ledger import LedgerEntryPosted
from shared.events.requests import RequestCompleted
from shared.kafka import watermarks
from shared.kafka.batches import BatchApplier
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.errors import StalePositionError
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord, Partition, Record
from tests.integration.billing.charges import assert_sums_agree, post, request
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.service import outgoing
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.waiting import until


def requests(count: int, first: int = 1) -> list[RequestCompleted]:
    return [request(workspace=1 + n % 5, quota=n) for n in range(first, first + count)]


async def test_each_request_has_one_entry_and_one_event_on_the_ledger_topic(
    start_billing: StartBilling, producer: IdempotentProducer, infrastructure: Stack
) -> None:
    events = requests(300)
    async with start_billing() as billing:
        await producer.send_all(outgoing(events))
        await producer.send_all(outgoing(events[:100]))  # a relay that sends again after a crash
        last = requests(1)
        await producer.send_all(outgoing(last))
        await billing.has_charged([*events, *last])
        await assert_sums_agree(billing.pool)

        async def is_published() -> bool:
            return not await billing.pool.fetchval("SELECT count(*) FROM event_outbox")

        await until(is_published, "the outbox is empty")
    async with Broker(infrastructure.kafka_bootstrap) as broker:
        read = await broker.read("billing.ledger")
    entries = [
        LedgerEntryPosted.model_validate_json(record.value)
        for record in read
        if dict(record.headers)["ce_type"] == LedgerEntryPosted.TYPE.encode()
    ]
    causes = [entry.request_id for entry in entries]
    assert all(causes.count(event.request_id) == 1 for event in events)


async def test_a_billing_that_lost_its_place_charges_nothing_twice(
    start_billing: StartBilling, producer: IdempotentProducer
) -> None:
    """It begins at the start of the log again, over what it has charged before."""
    events = requests(200)
    async with start_billing() as billing:
        await producer.send_all(outgoing(events))
        await billing.has_charged(events)
        before = await billing.pool.fetchval("SELECT count(*) FROM ledger_entries")
    await billing.pool.execute("DELETE FROM consumer_watermarks")
    later = requests(5)
    async with start_billing() as billing:
        await producer.send_all(outgoing(later))
        await billing.has_charged(later)
        after = await billing.pool.fetchval("SELECT count(*) FROM ledger_entries")
        assert after == before + 5
        await assert_sums_agree(billing.pool)


async def test_a_crash_after_the_database_and_before_kafka_heard_of_it(
    start_billing: StartBilling, producer: IdempotentProducer
) -> None:
    """Committed in the database, and dead before the group's offset moved in Kafka."""
    events = requests(50)
    async with start_billing() as billing:
        await producer.send_all(outgoing(events[:25]))
        await billing.has_charged(events[:25])
    # What the dead process had charged and nobody else knows of.
    await post(billing.pool, *events[25:])
    async with start_billing() as billing:
        await producer.send_all(outgoing(events[25:]))
        last = requests(1)
        await producer.send_all(outgoing(last))
        await billing.has_charged([*events, *last])
        await assert_sums_agree(billing.pool)


async def test_two_billings_share_the_work_and_charge_once(
    start_billing: StartBilling, producer: IdempotentProducer
) -> None:
    events = requests(400)
    async with start_billing() as first:
        await producer.send_all(outgoing(events[:100]))
        async with start_billing():
            await producer.send_all(outgoing(events[100:]))
            await first.has_charged(events)
        later = requests(50)
        await producer.send_all(outgoing(later))
        await first.has_charged(later)
        await assert_sums_agree(first.pool)


async def test_one_that_was_overtaken_is_stopped_by_the_watermark(
    pool: asyncpg.Pool, producer: IdempotentProducer
) -> None:
    """It was frozen before its transaction, and goes on after another has done its work."""
    partition = Partition("relay.requests", 0)
    async with pool.acquire() as connection:
        await watermarks.begin(connection, CONSUMER_GROUP, partition, 0)
    records = _records(requests(20))

    def applier() -> BatchApplier:
        return BatchApplier(
            group=CONSUMER_GROUP,
            pool=pool,
            handler=ChargeRequests(BillingMetrics(CollectorRegistry())),
            dead_letters=DeadLetters(producer=producer, group=CONSUMER_GROUP),
            on_poison="halt",
            stopping=asyncio.Event(),
            metrics=None,
        )

    await applier().apply(records, {partition: 0})
    with pytest.raises(StalePositionError):
        await applier().apply(records[:10], {partition: 0})
    assert await pool.fetchval("SELECT count(*) FROM ledger_entries") == 20
    await assert_sums_agree(pool)


async def test_what_cannot_be_read_goes_aside_and_the_rest_is_charged(
    start_billing: StartBilling, producer: IdempotentProducer, infrastructure: Stack
) -> None:
    good = requests(3)
    (whole, *_) = outgoing(good[:1])
    broken_id = new_event_id().encode()
    headers = tuple((n, broken_id if n == "ce_id" else v) for n, v in whole.headers)
    broken = OutgoingRecord(whole.topic, whole.key, b'{"request_id": 7}', headers)
    async with start_billing() as billing:
        await producer.send_all([broken, *outgoing(good)])
        await billing.has_charged(good)
        await assert_sums_agree(billing.pool)
    async with Broker(infrastructure.kafka_bootstrap) as broker:
        letters = await broker.read("relay.requests.billing.dead-letter")
    assert broken_id in [dict(letter.headers)["ce_id"] for letter in letters]


def _records(events: Sequence[RequestCompleted]) -> list[Record]:
    return [
        Record("relay.requests", 0, offset, 0, out.key, out.value, dict(out.headers))
        for offset, out in enumerate(outgoing(events))
    ]

"""What was collected ahead is never applied behind a batch that was not applied whole."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from shared.kafka.collecting import Collector
from shared.kafka.errors import StalePositionError
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import Partition, Record
from shared.postgres.retrying import Connection
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.ledger import Ledger, consuming, event
from tests.integration.kafka.waiting import until

_EVENTS = 60
_MAX_BATCH = 10
_BAD = 25


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when something was collected ahead."""
    collected = asyncio.Event()
    collect_ahead = Collector.collect_ahead

    async def collect_and_tell(self: Collector) -> None:
        await collect_ahead(self)
        if self.has_ahead:
            collected.set()

    monkeypatch.setattr(Collector, "collect_ahead", collect_and_tell)
    return collected


class _Waiting(Ledger):
    """Has the batch with the bad record wait until the next one is collected."""

    def __init__(self, pool: asyncpg.Pool, ahead: asyncio.Event) -> None:
        super().__init__(pool)
        self.ahead = ahead
        self.is_overtaken = False

    async def __call__(self, connection: Connection, records: Sequence[Record], /) -> None:
        if f"e{_BAD}" in [record.event_id for record in records]:
            async with asyncio.timeout(20):
                await self.ahead.wait()
            if self.is_overtaken:
                self.is_overtaken = False
                raise StalePositionError
        self.ahead.clear()
        await super().__call__(connection, records)


async def test_behind_a_record_that_halts(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker, ahead: asyncio.Event
) -> None:
    topic = await broker.new_topic()
    values = [b"halt" if n == _BAD else b"1" for n in range(_EVENTS)]
    await producer.send_all([event(topic, n, value) for n, value in enumerate(values)])
    ledger = _Waiting(pool, ahead)
    async with consuming(
        ledger, producer, broker.bootstrap, topic, max_batch=_MAX_BATCH
    ) as consumer:

        async def is_halted() -> bool:
            return Partition(topic, 0) in consumer.halted

        await until(is_halted, "the handler's halt is shown")
        await ledger.has(*range(_BAD))
    assert await ledger.next_offset(topic) == _BAD
    assert await ledger.ids() == {f"e{n}" for n in range(_BAD)}


async def test_behind_a_watermark_that_another_moved(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker, ahead: asyncio.Event
) -> None:
    topic = await broker.new_topic()
    await producer.send_all([event(topic, n) for n in range(_EVENTS)])
    ledger = _Waiting(pool, ahead)
    ledger.is_overtaken = True
    async with consuming(ledger, producer, broker.bootstrap, topic, max_batch=_MAX_BATCH):
        await ledger.has(*range(_EVENTS))
    assert ledger.seen == [f"e{n}" for n in range(_EVENTS)]
    assert not ledger.is_overtaken
    assert await ledger.next_offset(topic) == _EVENTS

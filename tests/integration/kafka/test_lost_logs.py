"""A log that no longer is what was read from it stops its partition until a person accepts it."""

import asyncpg

from shared.kafka.consumer import KeptTopicConsumer
from shared.kafka.errors import HaltReason
from shared.kafka.gaps import accept_gap
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import Partition
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.ledger import GROUP, Ledger, consuming, event
from tests.integration.kafka.waiting import until


async def _halts(consumer: KeptTopicConsumer, topic: str) -> HaltReason:
    async def is_halted() -> bool:
        return Partition(topic, 0) in consumer.halted

    await until(is_halted, "the partition is halted")
    return consumer.halted[Partition(topic, 0)].reason


async def test_a_recreated_topic_that_is_shorter(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic()
    await producer.send_all([event(topic, n) for n in range(5)])
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic):
        await ledger.has(*range(5))
    await broker.delete_topic(topic)
    await broker.make_topic(topic, 1)
    await producer.close()
    await producer.send_all([event(topic, n) for n in (10, 11)])
    async with consuming(ledger, producer, broker.bootstrap, topic) as consumer:
        assert await _halts(consumer, topic) is HaltReason.LOG_ENDS_BEFORE
        assert await ledger.ids() == {f"e{n}" for n in range(5)}
        async with pool.acquire() as connection:
            await accept_gap(connection, GROUP, topic, 0)
        await ledger.has(*range(5), 10, 11)
        assert not consumer.halted
    assert await ledger.next_offset(topic) == 2


async def test_a_recreated_topic_that_has_outgrown_the_watermark(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    """Only the record before the watermark tells it from the old one."""
    topic = await broker.new_topic()
    await producer.send_all([event(topic, n) for n in range(3)])
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic):
        await ledger.has(0, 1, 2)
    await broker.delete_topic(topic)
    await broker.make_topic(topic, 1)
    await producer.close()
    await producer.send_all([event(topic, n) for n in range(10, 20)])
    async with consuming(ledger, producer, broker.bootstrap, topic) as consumer:
        assert await _halts(consumer, topic) is HaltReason.OTHER_RECORD
    assert await ledger.ids() == {"e0", "e1", "e2"}


async def test_a_topic_recreated_under_a_running_consumer(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic()
    await producer.send_all([event(topic, n) for n in range(3)])
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic) as consumer:
        await ledger.has(0, 1, 2)
        await broker.delete_topic(topic)
        await broker.make_topic(topic, 1)
        await producer.close()
        await producer.send_all([event(topic, n) for n in range(10, 20)])
        assert await _halts(consumer, topic) is HaltReason.OTHER_RECORD
    assert await ledger.ids() == {"e0", "e1", "e2"}


async def test_retention_that_overtook_the_consumer(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic()
    await producer.send_all([event(topic, n) for n in range(3)])
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic):
        await ledger.has(0, 1, 2)
    await producer.send_all([event(topic, n) for n in range(3, 10)])
    await broker.cut(topic, before_offset=6)
    async with consuming(ledger, producer, broker.bootstrap, topic) as consumer:
        assert await _halts(consumer, topic) is HaltReason.LOG_STARTS_AFTER
        halt = consumer.halted[Partition(topic, 0)]
        assert (halt.from_offset, halt.to_offset) == (3, 6)
        async with pool.acquire() as connection:
            await accept_gap(connection, GROUP, topic, 0)
        await ledger.has(0, 1, 2, 6, 7, 8, 9)
    accepted = await pool.fetchrow("SELECT * FROM consumer_accepted_gaps")
    assert accepted is not None
    assert (accepted["from_offset"], accepted["to_offset"]) == (3, 6)
    assert accepted["reason"] == "log_starts_after_watermark"

"""The outbox of a kept topic sends in sequence and at least once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from shared.kafka.outbox import OutboxPublisher, enqueue
from shared.kafka.outbox_rows import OutboxRecord
from shared.kafka.producer import IdempotentProducer
from shared.postgres.pool import open_pool
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.conftest import lay_out
from tests.integration.kafka.waiting import until
from tests.stack_fixtures import MakeStack


@asynccontextmanager
async def _publishing(dsn: str, producer: IdempotentProducer) -> AsyncIterator[OutboxPublisher]:
    publisher = OutboxPublisher(dsn=dsn, producer=producer)
    running = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _put(pool: asyncpg.Pool, topic: str, numbers: range) -> None:
    records = [OutboxRecord(b"k", str(n).encode(), (("ce_id", b"x"),)) for n in numbers]
    async with pool.acquire() as connection, connection.transaction():
        await enqueue(connection, topic, records)


async def _is_empty(pool: asyncpg.Pool) -> None:
    async def is_so() -> bool:
        return not await pool.fetch("SELECT 1 FROM event_outbox LIMIT 1")

    await until(is_so, "the outbox is empty")


async def test_rows_of_many_records_go_out_in_sequence(
    pool: asyncpg.Pool, dsn: str, broker: Broker, producer: IdempotentProducer
) -> None:
    topic = await broker.new_topic()
    for start in range(0, 600, 3):
        await _put(pool, topic, range(start, start + 3))
    async with _publishing(dsn, producer):
        await _is_empty(pool)
        await _put(pool, topic, range(600, 700))
        await _is_empty(pool)
    sent = [int(record.value) for record in await broker.read(topic)]
    assert sent == list(range(700))


async def test_what_rolls_back_is_never_sent(
    pool: asyncpg.Pool, dsn: str, broker: Broker, producer: IdempotentProducer
) -> None:
    topic = await broker.new_topic()
    async with _publishing(dsn, producer):
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await enqueue(connection, topic, [OutboxRecord(b"k", b"0", ())])
            await transaction.rollback()
        await _put(pool, topic, range(1, 2))
        await _is_empty(pool)
    assert [record.value for record in await broker.read(topic)] == [b"1"]


async def test_a_broker_that_dies_loses_nothing_and_keeps_the_sequence(
    make_stack: MakeStack,
) -> None:
    stack = await make_stack(infrastructure_only=True)
    dsn = await lay_out(stack.dsn("superuser"))
    async with (
        open_pool(dsn, min_size=1, max_size=3, application_name="kafka-test") as pool,
        IdempotentProducer(bootstrap=stack.kafka_bootstrap, client_id="test") as producer,
        _publishing(dsn, producer),
    ):
        async with Broker(stack.kafka_bootstrap) as broker:
            topic = await broker.new_topic()
        await _put(pool, topic, range(50))
        await _is_empty(pool)
        await stack.kill("kafka")
        for start in range(50, 100, 10):
            await _put(pool, topic, range(start, start + 10))
        await stack.start_process("kafka")
        await stack.wait_ready("kafka")
        await _is_empty(pool)
        async with Broker(stack.kafka_bootstrap) as broker:
            sent = [int(record.value) for record in await broker.read(topic)]
    firsts = list(dict.fromkeys(sent))
    assert firsts == list(range(100))

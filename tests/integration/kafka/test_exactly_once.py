"""Each record has its effect once, whoever dies, freezes or is taken for dead."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from shared.kafka.noted_offsets import NotedOffsets
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import Record
from shared.postgres.retrying import Connection
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.ledger import Ledger, consuming, event
from tests.integration.kafka.waiting import until


async def test_a_crash_between_commit_and_position(
    pool: asyncpg.Pool,
    producer: IdempotentProducer,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kafka never learns of the first consumer's offsets; the second must not apply them again."""

    async def note_nothing(_self: NotedOffsets, _states: object) -> None:
        return

    monkeypatch.setattr(NotedOffsets, "_commit", note_nothing)
    topic = await broker.new_topic(partitions=3)
    await producer.send_all([event(topic, n, key=bytes([n])) for n in range(50)])
    first = Ledger(pool)
    async with consuming(first, producer, broker.bootstrap, topic):
        await first.has(*range(50))
    await producer.send_all([event(topic, n, key=bytes([n])) for n in range(50, 60)])
    second = Ledger(pool)
    async with consuming(second, producer, broker.bootstrap, topic):
        await second.has(*range(60))
    assert sorted(second.seen) == sorted(f"e{n}" for n in range(50, 60))
    assert await second.total() == 60


async def test_a_process_that_was_overtaken_applies_nothing(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    """It was frozen, another one applied e2 to e4, and now it is handed e2 to e6."""
    topic = await broker.new_topic()
    await producer.send_all([event(topic, n) for n in range(2)])
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic):
        await ledger.has(0, 1)
        await pool.execute(
            "UPDATE consumer_watermarks SET next_offset = 5, last_event_id = 'e4' WHERE topic = $1",
            topic,
        )
        await producer.send_all([event(topic, n) for n in range(2, 7)])
        await ledger.has(0, 1, 5, 6)
    assert ledger.seen == ["e0", "e1", "e5", "e6"]
    assert await ledger.next_offset(topic) == 7


async def test_sessions_that_die_mid_batch(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    """The same batch is applied again, by a member that never left its group."""
    topic = await broker.new_topic()
    ledger = Ledger(pool)
    killed = 0

    class Dying(Ledger):
        async def __call__(self, connection: Connection, records: Sequence[Record], /) -> None:
            nonlocal killed
            await super().__call__(connection, records)
            if killed < 3:
                killed += 1
                await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    dying = Dying(pool)
    async with consuming(dying, producer, broker.bootstrap, topic):
        await producer.send_all([event(topic, n) for n in range(100)])
        await ledger.has(*range(100))
    assert killed == 3
    assert await ledger.total() == 100


async def test_a_second_member_takes_over_and_a_cancelled_one_finishes_its_batch(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic(partitions=4)
    entered, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Ledger):
        async def __call__(self, connection: Connection, records: Sequence[Record], /) -> None:
            entered.set()
            await go_on.wait()
            await super().__call__(connection, records)

    slow, quick = Slow(pool), Ledger(pool)
    async with consuming(quick, producer, broker.bootstrap, topic) as second:
        async with consuming(slow, producer, broker.bootstrap, topic) as first:

            async def both_settled() -> bool:
                return bool(first.positions and second.positions and first.ready and second.ready)

            await until(both_settled, "both members have partitions")
            await producer.send_all([event(topic, n, key=bytes([n])) for n in range(80)])
            await entered.wait()
            first.stop()
            go_on.set()
        await quick.has(*range(80))
    assert slow.seen
    assert sorted(slow.seen + quick.seen) == sorted(f"e{n}" for n in range(80))
    assert await quick.total() == 80

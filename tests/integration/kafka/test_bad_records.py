"""One bad record never loses its batch, and is never lost itself."""

import asyncpg

from shared.kafka.errors import HaltReason
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import Partition
from shared.kafka.replay import replay
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.ledger import Ledger, consuming, event
from tests.integration.kafka.waiting import until


async def test_what_cannot_be_read_or_stored_is_dead_lettered(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic()
    values = {3: b"?", 5: b"5000", 8: b"?", 9: b"not a number"}
    await producer.send_all([event(topic, n, values.get(n, b"1")) for n in range(12)])
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic, on_poison="dead-letter"):
        await ledger.has(0, 1, 2, 4, 6, 7, 10, 11)

        async def is_done() -> bool:
            return await ledger.next_offset(topic) == 12

        await until(is_done, "the watermark is behind the last record")
    letters = await broker.read(f"{topic}.readers.dead-letter")
    found = {
        dict(letter.headers)["ce_id"]: (letter.value, dict(letter.headers)["dead_letter_reason"])
        for letter in letters
    }
    assert found == {
        b"e3": (b"?", b"malformed"),
        b"e5": (b"5000", b"database_refused"),
        b"e8": (b"?", b"malformed"),
        b"e9": (b"not a number", b"handler_failed"),
    }
    assert dict(letters[0].headers)["dead_letter_offset"] == b"3"


async def test_a_charge_that_cannot_be_stored_halts_its_partition_only(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic(partitions=2)
    one, other = b"a", b"d"
    await producer.send_all(
        [event(topic, n, b"5000" if n == 4 else b"1", one) for n in range(8)]
        + [event(topic, n, b"1", other) for n in range(10, 18)]
    )
    places = {record.key: record.partition for record in await broker.read(topic)}
    assert places[one] != places[other]
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic, on_poison="halt") as consumer:
        await ledger.has(*range(4), *range(10, 18))
        await producer.send_all([event(topic, n, b"1", other) for n in (18, 19)])
        await ledger.has(*range(4), *range(10, 20))
        halt = consumer.halted[Partition(topic, places[one])]
        assert (halt.reason, halt.from_offset) == (HaltReason.POISON, 4)
    assert await broker.read(f"{topic}.readers.dead-letter") == []
    assert await ledger.next_offset(topic, places[one]) == 4


async def test_a_halted_partition_goes_on_at_the_next_start(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic()
    await producer.send_all([event(topic, n, b"halt" if n == 2 else b"1") for n in range(5)])
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic) as consumer:
        await ledger.has(0, 1)

        async def is_halted() -> bool:
            halt = consumer.halted.get(Partition(topic, 0))
            return halt is not None and halt.code == "no_price"

        await until(is_halted, "the handler's halt is shown")
    ledger.halting = False
    async with consuming(ledger, producer, broker.bootstrap, topic):
        await ledger.has(0, 1, 2, 3, 4)


async def test_replay_sends_each_letter_once_and_unchanged(
    pool: asyncpg.Pool, producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic()
    await producer.send_all([event(topic, n, b"5000" if n == 1 else b"1") for n in range(3)])
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic, on_poison="dead-letter"):
        await ledger.has(0, 2)
        await pool.execute("ALTER TABLE entries DROP CONSTRAINT entries_amount_check")
        for expected in (1, 0):
            count = await replay(
                bootstrap=broker.bootstrap, producer=producer, topic=topic, group="readers"
            )
            assert count == expected
        await ledger.has(0, 1, 2)
    again = (await broker.read(topic))[-1]
    assert again.headers == (("ce_id", b"e1"), ("ce_type", b"test.v1"))

"""Batches that are handed over without waiting: each partition's is acknowledged on its own."""

import asyncio
from collections import Counter

import pytest

from shared.kafka.errors import SendError
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord, RecordParts
from tests.integration.kafka.broker import Broker


def records(first: int, count: int, *, size: int = 10) -> list[RecordParts]:
    return [
        (b"key", b"%d " % n + b"v" * size, [("ce_id", b"%d" % n)])
        for n in range(first, first + count)
    ]


def numbers(values: list[bytes | None]) -> list[int]:
    return [int(value.split()[0]) for value in values if value is not None]


async def test_a_batch_takes_what_fits_and_the_next_one_follows_in_order(
    producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic()
    wanted = records(0, 1_000, size=2_000)
    done = 0
    while done < len(wanted):
        sent = await producer.start_batch(topic, 0, iter(wanted[done:]))
        assert 0 < sent.size < 300
        await asyncio.wait_for(sent.acknowledged, 10)
        done += sent.size
    read = await broker.read(topic)
    assert numbers([record.value for record in read]) == list(range(1_000))
    assert read[7].headers == (("ce_id", b"7"),)
    assert read[7].key == b"key"


async def test_giving_one_partition_up_repeats_no_other(
    producer: IdempotentProducer, broker: Broker
) -> None:
    """The client goes with the batch that failed; the others' are acknowledged first."""
    topic = await broker.new_topic(partitions=4)
    for turn in range(5):
        sent = [
            await producer.start_batch(topic, partition, records(turn * 100, 50))
            for partition in range(4)
        ]
        await producer.give_up(sent[0])
        for other in sent[1:]:
            assert other.acknowledged.done(), "it would be sent again"
            assert other.acknowledged.exception() is None
        again = await producer.start_batch(topic, 0, records(turn * 100, 50))
        await asyncio.wait_for(again.acknowledged, 10)
    written = Counter((r.partition, r.value) for r in await broker.read(topic))
    assert {times for (partition, _), times in written.items() if partition > 0} == {1}
    assert len(written) == 4 * 5 * 50


async def test_sends_beside_a_batch_that_is_given_up_are_whole(
    producer: IdempotentProducer, broker: Broker
) -> None:
    topic, other_topic = await broker.new_topic(), await broker.new_topic()
    sent = await producer.start_batch(topic, 0, records(0, 10))
    others = [OutgoingRecord(other_topic, b"%d" % n, b"%d" % n) for n in range(100)]
    outcomes, _ = await asyncio.gather(
        producer.send_partitioned(other_topic, others), producer.give_up(sent)
    )
    assert outcomes == [None] * 100
    assert len(await broker.read(other_topic)) == 100


async def test_nobody_there_is_told() -> None:
    async with IdempotentProducer(
        bootstrap="127.0.0.1:9", client_id="test", send_timeout_s=2.0
    ) as producer:
        with pytest.raises(SendError):
            await producer.partitioner("anything")
        with pytest.raises(SendError):
            await producer.start_batch("anything", 0, records(0, 1))

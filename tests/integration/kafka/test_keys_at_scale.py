"""A relay's key book, filled from Kafka: every key is found, and a change is known in a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, islice
from time import monotonic
from typing import Final

from operations.bench.made_keys import made_key, made_key_hash, made_key_records
from services.relay.books.keys import KeyBook
from shared.events.event import encode_value
from shared.events.routing import Status
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from shared.kafka.state_reader import StateTopicReader
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.waiting import until

_KEYS: Final = 50_000
_LOADED_S: Final = 30.0
_BATCH: Final = 5_000
_CHANGES_AT_ONCE: Final = 10
_BETWEEN_S: Final = 0.03
"""About three hundred changes a second."""
_PROMISED_S: Final = 1.0
_STANDSTILL_S: Final = 3.0
"""For how long a busy machine may stand still under the test itself."""


async def test_every_key_is_found_and_a_disabled_one_within_a_second_among_many_changes(
    producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic(partitions=4, compacted=True)
    records = (record._replace(topic=topic) for record in made_key_records(_KEYS))
    while batch := list(islice(records, _BATCH)):
        await producer.send_all(batch)
    gone = 17
    await producer.send_all([_state(topic, 5, Status.DISABLED), _tombstone(topic, gone)])
    book = KeyBook()
    async with _reading(broker, topic, book) as reader:
        async with asyncio.timeout(_LOADED_S):
            await reader.wait_ready()
        assert len(book) == _KEYS - 1
        for number in range(_KEYS):
            wanted = made_key(number, Status.DISABLED if number == 5 else Status.ENABLED)
            assert book.find(made_key_hash(number)) == (None if number == gone else wanted)
        async with _changing(producer, topic):
            for number in (1, _KEYS - 1):
                took_s = await _disabled_after_s(producer, topic, book, number)
                assert took_s < _PROMISED_S + _STANDSTILL_S


async def _disabled_after_s(
    producer: IdempotentProducer, topic: str, book: KeyBook, number: int
) -> float:
    used = book.find(made_key_hash(number))
    assert used is not None
    assert used.status is Status.ENABLED
    begun = monotonic()
    await producer.send_all([_state(topic, number, Status.DISABLED)])

    async def is_known() -> bool:
        found = book.find(made_key_hash(number))
        return found is not None and found.status is Status.DISABLED

    await until(is_known, "the key is disabled")
    return monotonic() - begun


@asynccontextmanager
async def _changing(producer: IdempotentProducer, topic: str) -> AsyncIterator[None]:
    async def change() -> None:
        for start in count(100, _CHANGES_AT_ONCE):
            numbers = range(start, start + _CHANGES_AT_ONCE)
            await producer.send_all([_state(topic, n, Status.ENABLED) for n in numbers])
            await asyncio.sleep(_BETWEEN_S)

    changing = asyncio.create_task(change())
    try:
        yield
        assert not changing.done(), "nothing was changed meanwhile"
    finally:
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)


@asynccontextmanager
async def _reading(broker: Broker, topic: str, book: KeyBook) -> AsyncIterator[StateTopicReader]:
    reader = StateTopicReader(
        bootstrap=broker.bootstrap,
        client_id="test",
        topics=(topic,),
        apply=lambda record: None,  # noqa: ARG005 - nothing else is read
        states={topic: book.take},
    )
    running = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _state(topic: str, number: int, status: Status) -> OutgoingRecord:
    value = encode_value(made_key(number, status))
    return OutgoingRecord(topic, made_key_hash(number).hex().encode(), value)


def _tombstone(topic: str, number: int) -> OutgoingRecord:
    return OutgoingRecord(topic, made_key_hash(number).hex().encode(), None)

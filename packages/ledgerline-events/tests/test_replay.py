"""Reading from a time on, over a real broker."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ledgerline_events import Event, LedgerEntryPosted, NoSuchTopicError, Replay
from made import made_id

pytestmark = pytest.mark.servers
_PARTITIONS = 3
_BEGUN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
"""So long ago that a broker does not forget it while we look."""
_TYPE = "ledgerline.ledger.entry_posted.v1"


@pytest.fixture
async def topic(kafka: str) -> AsyncIterator[str]:
    """A topic of its own, gone with the test."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    name = f"made-{uuid4().hex}"
    try:
        await admin.create_topics([NewTopic(name, _PARTITIONS, 1)])
        yield name
        await admin.delete_topics([name])
    finally:
        await admin.close()


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(bootstrap_servers=kafka)
    await made.start()
    yield made
    await made.stop()


async def _publish(
    producer: AIOKafkaProducer, topic: str, number: int, at: datetime, kind: str = _TYPE
) -> None:
    headers = {
        "ce_id": made_id(at, number),
        "ce_type": kind,
        "ce_source": "test",
        "ce_time": at.isoformat(),
    }
    entry = LedgerEntryPosted(
        entry_id=number,
        workspace_id=1,
        kind="charge",
        cause=f"made:{number}",
        amount_units=-number,
        balance_after_units=0,
        posted_at=at,
    )
    await producer.send_and_wait(
        topic,
        entry.model_dump_json().encode(),
        partition=number % _PARTITIONS,
        timestamp_ms=int(at.timestamp() * 1000),
        headers=[(name, value.encode()) for name, value in headers.items()],
    )


def _numbers(events: list[Event]) -> list[int]:
    return sorted(e.data.entry_id for e in events if isinstance(e.data, LedgerEntryPosted))


async def _replayed(replay: Replay) -> list[int]:
    async with asyncio.timeout(60):
        return _numbers([event async for events in replay.batches() for event in events])


async def test_it_reads_from_a_time_to_the_end(
    kafka: str, topic: str, producer: AIOKafkaProducer
) -> None:
    for number in range(1, 31):
        await _publish(producer, topic, number, _BEGUN + timedelta(hours=number))
    everything = Replay([topic], bootstrap=kafka, max_records=4)
    assert await _replayed(everything) == list(range(1, 31))
    late = Replay([topic], bootstrap=kafka, since=_BEGUN + timedelta(hours=21))
    assert await _replayed(late) == list(range(21, 31))
    assert await _replayed(late) == list(range(21, 31)), "it left a trace"
    assert await _replayed(Replay([topic], bootstrap=kafka, since=datetime.now(UTC))) == []


async def test_a_topic_without_a_record_ends_at_once(kafka: str, topic: str) -> None:
    assert await _replayed(Replay([topic], bootstrap=kafka)) == []


async def test_types_that_are_not_known_are_passed_over(
    kafka: str, topic: str, producer: AIOKafkaProducer
) -> None:
    await _publish(producer, topic, 1, _BEGUN, kind="ledgerline.ledger.entry_posted.v2")
    await _publish(producer, topic, 2, _BEGUN)
    assert await _replayed(Replay([topic], bootstrap=kafka)) == [2]


async def test_it_follows_what_comes_later(
    kafka: str, topic: str, producer: AIOKafkaProducer
) -> None:
    await _publish(producer, topic, 1, _BEGUN)
    read: list[int] = []
    async with asyncio.timeout(60):
        async for events in Replay([topic], bootstrap=kafka, follow=True).batches():
            read += _numbers(events)
            if len(read) == 3:
                break
            await _publish(producer, topic, len(read) + 1, _BEGUN)
    assert read == [1, 2, 3]


async def test_what_is_asked_for_wrongly_is_refused(kafka: str) -> None:
    with pytest.raises(NoSuchTopicError, match="made-up-topic"):
        await _replayed(Replay(["made-up-topic"], bootstrap=kafka))
    with pytest.raises(ValueError, match="time zone"):
        Replay(["x"], bootstrap=kafka, since=datetime(2026, 1, 2))  # noqa: DTZ001  # refused

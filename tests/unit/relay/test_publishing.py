"""Publishing: a lane for each partition, in order, nothing lost, and repeated only what failed."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.publishing.event_records import headers_from, source_of
from shared.events.event import Attributes, encode_headers
from shared.events.requests import RequestCompleted
from shared.kafka.errors import SendError
from tests.unit.relay.journal.made_journals import completed
from tests.unit.relay.published import Published, id_of


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Published]:
    made = Published(tmp_path)
    yield made
    made.journal.close()


@given(st.lists(st.integers(0, 4_000_000_000_000_000), min_size=1, max_size=5))
def test_headers_are_what_any_event_has(times_us: list[int]) -> None:
    """To the byte, also at a whole second, and whatever was made before."""
    headers = headers_from(source_of("r"))
    for at_us in [*times_us, times_us[0] // 1_000_000 * 1_000_000]:
        record = completed(at=at_us)
        attributes = Attributes(
            id=id_of(record),
            source="ledgerline/relay/r",
            time=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_us),
            traceparent=record.traceparent,
        )
        assert tuple(headers(record)) == encode_headers(RequestCompleted.TYPE, attributes)


async def test_all_is_published_once_and_in_order_of_each_workspace(relay: Published) -> None:
    relay.complete(1_000)
    await relay.until_published()
    for partition in range(relay.kafka.partitions):
        assert relay.kafka.written[partition] == relay.ids(partition)
    assert relay.journal.published_count == 1_000
    assert relay.publisher.oldest_unpublished_us is None


async def test_a_partition_that_is_away_holds_up_no_other_and_repeats_none(
    relay: Published,
) -> None:
    """Its leader is gone for a while; the others' events are on the topic, once."""
    others = [1, 2, 3]
    for _ in range(30):
        relay.complete(40)
        await relay.publisher.step()
        relay.kafka.acknowledge(*others)
    for _ in range(20):
        await relay.publisher.step()
        relay.kafka.acknowledge(*others)
    assert {n: relay.kafka.written[n] for n in others} == {n: relay.ids(n) for n in others}
    assert 0 not in relay.kafka.written
    first = relay.ids().index(relay.ids(0)[0])
    assert relay.journal.published_count == first, "what recovers would skip one that is missing"
    assert relay.publisher.oldest_unpublished_us == relay.completed[first].completed_at_us
    await relay.until_published()
    assert relay.kafka.written[0] == relay.ids(0)
    assert set(relay.kafka.times_written.values()) == {1}


async def test_a_partition_that_is_away_for_long_is_read_from_the_file_afterwards(
    tmp_path: Path,
) -> None:
    """The others' go past it by far more than memory may hold."""
    relay = Published(tmp_path, max_bytes=40_000)
    for _ in range(200):
        relay.complete(20)
        await relay.publisher.step()
        relay.kafka.acknowledge(1, 2, 3)
        await relay.journal.tend()
    on_others = sum(len(relay.kafka.written[n]) for n in (1, 2, 3))
    assert on_others > 0.95 * sum(len(relay.ids(n)) for n in (1, 2, 3)), "they were held up"
    await relay.until_published()
    assert {n: relay.kafka.written[n] for n in range(4)} == {n: relay.ids(n) for n in range(4)}
    relay.complete(40)
    await relay.until_published()
    assert relay.kafka.times_written == dict.fromkeys(relay.ids(), 1)
    relay.journal.close()


@pytest.mark.parametrize("max_bytes", [20_000, 100_000])
async def test_a_frozen_publisher_loses_and_doubles_nothing(tmp_path: Path, max_bytes: int) -> None:
    """More is completed than memory holds before it takes any, and while it reads again."""
    relay = Published(tmp_path, max_bytes=max_bytes)
    relay.complete(3_000)
    await relay.publisher.step()
    relay.complete(500)
    await relay.until_published()
    assert {n: relay.kafka.written[n] for n in range(4)} == {n: relay.ids(n) for n in range(4)}
    relay.journal.close()


@pytest.mark.parametrize("is_written", [False, True])
async def test_a_batch_that_fails_goes_again_and_only_that_one(
    relay: Published, *, is_written: bool
) -> None:
    relay.complete(200)
    await relay.publisher.step()
    batch = relay.kafka.on_the_way[2].ids
    relay.kafka.fail(2, is_written=is_written)
    relay.kafka.acknowledge(0, 1, 3)
    await relay.publisher.step()
    assert relay.kafka.given_up == 1, "it might be written later than what follows"
    await relay.until_published()
    twice = {event_id for event_id, times in relay.kafka.times_written.items() if times > 1}
    assert twice == (set(batch) if is_written else set())
    assert relay.kafka.said_replayed == set(batch), "who dedupes by offset is not warned"
    assert set(relay.kafka.times_written) == set(relay.ids())


async def test_a_batch_that_nobody_acknowledges_in_time_is_given_up(tmp_path: Path) -> None:
    relay = Published(tmp_path, timeout_s=0.0)
    relay.complete(50)
    await relay.publisher.step()
    await relay.publisher.step()
    assert relay.kafka.given_up == 4
    assert relay.kafka.on_the_way == {}
    assert relay.journal.published_count == 0
    relay.journal.close()


async def test_a_relay_killed_at_any_moment_leaves_what_was_not_acknowledged(
    tmp_path: Path,
) -> None:
    """Its successor sends nothing that is before the position, and misses nothing after it."""
    for kill_after in range(0, 12, 3):
        relay = Published(tmp_path / str(kill_after), max_bytes=20_000)
        for turn in range(kill_after):
            relay.complete(60)
            await relay.publisher.step()
            relay.kafka.acknowledge(turn % 4, (turn + 1) % 4)
            await relay.publisher.step()
        relay.complete(10)
        relay.journal.write_published()
        count = relay.journal.published_count
        scanned = relay.die()
        assert scanned.unpublished == relay.completed[count:]
        assert scanned.published_count == count
        assert relay.kafka.times_written.keys() >= set(relay.ids()[:count])


async def test_kafka_away_from_the_start_is_waited_for(relay: Published) -> None:
    relay.kafka.is_away = True
    relay.complete(100)
    with pytest.raises(SendError):
        await relay.publisher.step()
    assert relay.publisher.oldest_unpublished_us == 1
    relay.kafka.is_away = False
    await relay.until_published()
    assert relay.kafka.times_written == dict.fromkeys(relay.ids(), 1)


async def test_more_partitions_are_used_once_the_fewer_have_all(relay: Published) -> None:
    """A workspace's events never overtake one another on the way to another partition."""
    relay.complete(500)
    await relay.publisher.step()
    relay.kafka.partitions = 7
    relay.complete(500)
    await relay.until_published()
    assert set(relay.kafka.written) > {0, 1, 2, 3}
    in_order: dict[bytes, list[str]] = {}
    for record in relay.completed:
        in_order.setdefault(b"%d" % record.workspace_id, []).append(id_of(record))
    assert relay.kafka.by_key == in_order


async def test_a_mark_counts_only_what_all_partitions_have(relay: Published) -> None:
    relay.complete(100)
    await relay.publisher.step()
    relay.kafka.acknowledge(0)
    await relay.publisher.step()
    await relay.publisher.mark(closed=False)
    (mark,) = relay.kafka.others
    assert mark.value is not None
    assert f'"published_count":{relay.journal.published_count}'.encode() in mark.value
    assert relay.journal.published_count < 100


async def test_flush_says_whether_all_arrived(tmp_path: Path) -> None:
    relay = Published(tmp_path)
    relay.complete(10)
    assert not await relay.publisher.flush(deadline_s=0.1)
    flushing = asyncio.create_task(relay.publisher.flush(deadline_s=10))
    while not flushing.done():
        relay.kafka.acknowledge()
        await asyncio.sleep(0.01)
    assert flushing.result()
    relay.journal.close()


async def test_the_first_that_a_relay_sends_is_its_mark(relay: Published) -> None:
    """Who reckons how far all relays are would else not know that there is one more."""
    relay.complete(100)
    relay.kafka.is_away = True
    running = asyncio.create_task(relay.publisher.run())
    try:
        await asyncio.sleep(0)
        assert not relay.publisher.introduced.is_set()
        relay.kafka.is_away = False
        async with asyncio.timeout(10):
            await relay.publisher.introduced.wait()
        assert relay.kafka.others, "it said nothing"
        assert relay.kafka.times_written.total() == 0
        await relay.until_published()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_mark_is_written_down_before_it_is_sent(relay: Published) -> None:
    """Killed in between, what its journal leaves is ended no earlier than the mark may say."""
    relay.kafka.is_away = True
    before_us = round(datetime.now(UTC).timestamp() * 1_000_000)
    with pytest.raises(SendError):
        await relay.publisher.mark(closed=False)
    assert relay.die().last_us >= before_us

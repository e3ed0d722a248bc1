"""Following a topic from its end on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from deploy.local.stack import Stack
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord, Record
from shared.kafka.tail import TopicTail
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.waiting import until


class Followed:
    """What was handed on, and what was skipped."""

    def __init__(self, stack: Stack, topic: str, *, max_behind: int = 20_000) -> None:
        self.values: list[bytes | None] = []
        self.skipped: list[int] = []
        self.tail = TopicTail(
            bootstrap=stack.kafka_bootstrap,
            client_id="test-tail",
            topic=topic,
            take=self._take,
            skipped=self.skipped.append,
            max_behind=max_behind,
        )

    def _take(self, records: Sequence[Record]) -> None:
        self.values += [record.value for record in records]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.tail.run())
        try:
            async with asyncio.timeout(30):
                await self.tail.wait_ready()
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def numbered(topic: str, begin: int, end: int) -> list[OutgoingRecord]:
    return [OutgoingRecord(topic, b"%d" % n, b"%d" % n) for n in range(begin, end)]


async def test_what_is_written_from_now_on_is_handed_on_and_nothing_from_before(
    infrastructure: Stack, broker: Broker, producer: IdempotentProducer
) -> None:
    topic = await broker.new_topic(partitions=3)
    await producer.send_all(numbered(topic, 0, 50))
    followed = Followed(infrastructure, topic)
    for begin in (50, 100):  # it may be followed again, from the end as it is then
        async with followed.running():
            await producer.send_all(numbered(topic, begin, begin + 25))
            wanted = {b"%d" % n for n in range(begin, begin + 25)}

            async def is_there(wanted: set[bytes] = wanted) -> bool:
                return wanted <= {value for value in followed.values if value is not None}

            await until(is_there, "all that was written since is handed on")
        await producer.send_all(numbered(topic, begin + 25, begin + 50))
    assert len(followed.values) == 50
    assert followed.skipped == []


async def test_who_is_too_far_behind_goes_on_at_the_end_and_says_how_many_that_were(
    infrastructure: Stack, broker: Broker, producer: IdempotentProducer
) -> None:
    topic = await broker.new_topic(partitions=1)
    followed = Followed(infrastructure, topic, max_behind=10)
    sent = 0
    async with followed.running():
        async with asyncio.timeout(30):
            while not followed.skipped:
                await producer.send_all(numbered(topic, sent, sent + 1_000))
                sent += 1_000

        async def is_at_end() -> bool:
            return len(followed.values) + sum(followed.skipped) == sent

        await until(is_at_end, "it has come to the end, and all is accounted for")
        await producer.send_all(numbered(topic, sent, sent + 1))

        async def has_the_last() -> bool:
            return followed.values[-1:] == [b"%d" % sent]

        await until(has_the_last, "it goes on after a gap")
    assert len(followed.values) == len(set(followed.values))

"""Reading topics from a time on, without a consumer group and without leaving a trace."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from ledgerline_events.events import Event, read

_POLL_MS: Final = 500
_ALLOWANCE: Final = timedelta(minutes=5)


class NoSuchTopicError(Exception):
    """The cluster has no such topic, or does not show it to you."""


class Replay:
    """The events of some topics, from a time to what is there when the replay begins.

    `since` is a time of things: every event whose `completed_at` or `posted_at` is not before it is
    among those that come. Some that are older come too, since order is that of publication: look at
    the event's own time. With `since` null everything comes that the topics still hold. Events come
    more than once, as everywhere: see `SqliteSeen`. May be repeated, and used by many at once.

    With `follow` it goes on with what comes later, until it is left. `kafka` are further options
    that aiokafka's clients have in common, such as `security_protocol`.
    """

    def __init__(
        self,
        topics: Sequence[str],
        *,
        bootstrap: str,
        since: datetime | None = None,
        follow: bool = False,
        max_records: int = 500,
        kafka: Mapping[str, Any] | None = None,
    ) -> None:
        if since is not None and since.tzinfo is None:
            raise ValueError("`since` needs a time zone")
        self._topics = topics
        self._bootstrap = bootstrap
        self._since = since
        self._follow = follow
        self._max_records = max_records
        self._kafka = dict(kafka or {})

    async def batches(self) -> AsyncIterator[list[Event]]:
        """Lists of events, in order within each partition; types that are not known are left out.

        Make each list one transaction of yours. Raises NoSuchTopicError, UnreadableEventError, and
        what aiokafka raises.
        """
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            **self._kafka,
        )
        await consumer.start()
        try:
            ends = await self._begin(consumer)
            while self._follow or await _is_before(consumer, ends):
                found = await consumer.getmany(timeout_ms=_POLL_MS, max_records=self._max_records)
                records = [record for batch in found.values() for record in batch]
                events = [event for record in records if (event := read(record)) is not None]
                if events:
                    yield events
        finally:
            await consumer.stop()

    async def _begin(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        """Go to where the replay begins; answers where it ends."""
        partitions = await self._partitions()
        # Before the question by time: what comes between the two is then not passed over.
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        begins = await self._begins(consumer, ends)
        consumer.assign(partitions)
        for partition, offset in begins.items():
            consumer.seek(partition, offset)
        return ends

    async def _partitions(self) -> list[TopicPartition]:
        # The consumer knows the partitions of what it reads, and forgets all others.
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, **self._kafka)
        try:
            await admin.start()
            # First, since to describe a topic that is not there may make it.
            if missing := sorted(set(self._topics) - set(await admin.list_topics())):
                raise NoSuchTopicError(", ".join(missing))
            return [
                TopicPartition(described["topic"], each["partition"])
                for described in await admin.describe_topics(list(self._topics))
                for each in described["partitions"]
            ]
        finally:
            await admin.close()

    async def _begins(
        self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        if self._since is None:
            begins: dict[TopicPartition, int] = await consumer.beginning_offsets(list(ends))
            return begins
        # A record's time is when it was published, by another machine's clock.
        at_ms = int((self._since - _ALLOWANCE).timestamp() * 1000)
        found = await consumer.offsets_for_times(dict.fromkeys(ends, max(at_ms, 0)))
        return {
            partition: end if (first := found[partition]) is None else first.offset
            for partition, end in ends.items()
        }


async def _is_before(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    """Whether some partition has not been read to its end."""
    positions = await asyncio.gather(*(consumer.position(partition) for partition in ends))
    return any(at < end for at, end in zip(positions, ends.values(), strict=True))

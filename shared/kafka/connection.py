"""One client of the producer's, what it has in flight, and the batches it is given."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.kafka.abandoning import abandon
from shared.kafka.records import RecordParts

_GRACE_S: Final = 1.0


class SentBatch(NamedTuple):
    """A batch on its way to one partition."""

    size: int
    """The records in it."""
    acknowledged: asyncio.Future[Any]
    """Done when the broker has all of it; failed where it may not have. Cancel it to give up."""
    connection: "Connection"


class Connection:
    """One client, and what it has in flight."""

    def __init__(self, client: AIOKafkaProducer) -> None:
        self.client = client
        self._in_flight: set[asyncio.Future[Any]] = set()
        self._abandoning = asyncio.Lock()
        self._is_abandoned = False

    async def send(self, batch: BatchBuilder, to: TopicPartition) -> asyncio.Future[Any]:
        """Hand a batch over; the answer is done when it is acknowledged. Raises KafkaError."""
        sent: asyncio.Future[Any] = await self.client.send_batch(
            batch, to.topic, partition=to.partition
        )
        self._in_flight.add(sent)
        sent.add_done_callback(self._in_flight.discard)
        return sent

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While somebody is about to send."""
        done = asyncio.get_running_loop().create_future()
        self._in_flight.add(done)
        try:
            yield
        finally:
            self._in_flight.discard(done)
            done.set_result(None)

    async def abandon(self) -> None:
        """Close the client, once what others have in flight is acknowledged, or a second later.

        Else one partition's failure would make the others' records be sent again. Idempotent.
        """
        async with self._abandoning:
            if self._is_abandoned:
                return
            if self._in_flight:
                await asyncio.wait([*self._in_flight], timeout=_GRACE_S)
            self._is_abandoned = True
            await abandon(self.client)


def fill(client: AIOKafkaProducer, records: Iterable[RecordParts]) -> tuple[BatchBuilder, int]:
    """A batch of the first records, as many as fit, and how many they are."""
    batch = client.create_batch()
    append = batch.append
    now_ms = time.time_ns() // 1_000_000
    count = 0
    for key, value, headers in records:
        if append(timestamp=now_ms, key=key, value=value, headers=headers) is None:
            if count == 0:
                raise ValueError("a record is larger than a batch")
            return batch, count
        count += 1
    batch.close()
    return batch, count

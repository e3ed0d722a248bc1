"""Sending to kept topics: acknowledged by all replicas, idempotent, a batch at a time.

aiokafka's `send` costs 20 µs a record (a future each). Here batches are built at once and only
batches are awaited.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Literal, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.kafka.abandoning import abandon
from shared.kafka.errors import SendError
from shared.kafka.partitioning import Partitioner
from shared.kafka.records import OutgoingRecord

# Below the topics' `max.message.bytes` of 1 MiB, which holds for a batch.
_BATCH_BYTES: Final = 512 * 1024
_REQUEST_TIMEOUT_MS: Final = 10_000


class IdempotentProducer:
    """Sends records and says of each whether the broker has it.

    Connects on its first use. After any failure the client is replaced by a new one, since an
    idempotent producer that lost a batch can send nothing more to that partition; what was not
    acknowledged may have been written all the same, so records must be told apart by their ids.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        client_id: str,
        compression: Literal["gzip"] | None = None,
        send_timeout_s: float = 30.0,
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._compression = compression
        self._send_timeout_s = send_timeout_s
        self._client: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._partitioners: dict[str, Partitioner] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the client. Sends that are under way fail."""
        client, self._client = self._client, None
        if client is not None:
            await abandon(client)

    async def send_all(self, records: Sequence[OutgoingRecord]) -> None:
        """Send all records, in order within each key.

        Raises SendError when any was not acknowledged in time; then the caller sends all of them
        again, or those from the first one that it needs to be sure of.
        """
        by_topic: dict[str, list[OutgoingRecord]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        for topic, of_topic in by_topic.items():
            for outcome in await self.send_partitioned(topic, of_topic):
                if outcome is not None:
                    raise SendError(f"not all of {len(records)} were acknowledged") from outcome

    async def send_partitioned(
        self, topic: str, records: Sequence[OutgoingRecord]
    ) -> list[Exception | None]:
        """Send records to one topic; answer for each, in order, None or why it failed.

        Each partition's records go in batches of their own, in order, each acknowledged on its
        own: one partition without a leader does not hold up the others' answers beyond the
        time-out. Does not raise, but for cancellation.
        """
        outcomes: list[Exception | None] = [None] * len(records)
        if not records:
            return outcomes
        client: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._send_timeout_s):
                client = await self._connected()
                partitioner = await self._partitioner(client, topic)
        except (KafkaError, OSError, TimeoutError) as error:
            await self._replace(client)
            return [error] * len(records)
        by_partition: dict[int, list[int]] = {}
        for index, record in enumerate(records):
            by_partition.setdefault(partitioner.partition(record.key), []).append(index)
        sends = [
            self._send_partition(
                client, TopicPartition(topic, partition), records, indexes, outcomes
            )
            for partition, indexes in by_partition.items()
        ]
        try:
            await asyncio.gather(*sends)
        except BaseException:
            await self._replace(client)
            raise
        if any(outcome is not None for outcome in outcomes):
            await self._replace(client)
        return outcomes

    async def _send_partition(
        self,
        client: AIOKafkaProducer,
        to: TopicPartition,
        records: Sequence[OutgoingRecord],
        indexes: Sequence[int],
        outcomes: list[Exception | None],
    ) -> None:
        done = 0
        try:
            async with asyncio.timeout(self._send_timeout_s):
                while done < len(indexes):
                    batch, end = _fill(client, records, indexes, done)
                    acknowledged = await client.send_batch(batch, to.topic, partition=to.partition)
                    await acknowledged
                    done = end
        except (KafkaError, OSError, TimeoutError, ValueError) as error:
            for index in indexes[done:]:
                outcomes[index] = error

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._client is None:
                client = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=True,
                    compression_type=self._compression,
                    max_batch_size=_BATCH_BYTES,
                    request_timeout_ms=_REQUEST_TIMEOUT_MS,
                    metadata_max_age_ms=30_000,
                )
                try:
                    await client.start()
                except BaseException:
                    await abandon(client)
                    raise
                self._client = client
            return self._client

    async def _partitioner(self, client: AIOKafkaProducer, topic: str) -> Partitioner:
        count = len(await client.partitions_for(topic))
        known = self._partitioners.get(topic)
        if known is None or known.partitions != count:
            known = self._partitioners[topic] = Partitioner(count)
        return known

    async def _replace(self, client: AIOKafkaProducer | None) -> None:
        if client is None:
            return
        if self._client is client:
            self._client = None
        with suppress(Exception):
            await abandon(client)


def _fill(
    client: AIOKafkaProducer,
    records: Sequence[OutgoingRecord],
    indexes: Sequence[int],
    start: int,
) -> tuple[BatchBuilder, int]:
    """A batch of the records from `start` on, as many as fit, and where the next one begins."""
    batch = client.create_batch()
    append = batch.append
    for position in range(start, len(indexes)):
        record = records[indexes[position]]
        added = append(
            timestamp=None, key=record.key, value=record.value, headers=[*record.headers]
        )
        if added is None:
            if position == start:
                raise ValueError("a record is larger than a batch")
            return batch, position
    batch.close()
    return batch, len(indexes)

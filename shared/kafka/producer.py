"""Sending to kept topics: acknowledged by all replicas, idempotent, a batch at a time.

aiokafka's `send` costs 20 µs a record (a future each). Here batches are built at once and only
batches are awaited. Nothing is compressed unless its user asks for it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Literal, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from shared.kafka.abandoning import abandon
from shared.kafka.connection import Connection, SentBatch, fill
from shared.kafka.errors import SendError
from shared.kafka.partitioning import Partitioner
from shared.kafka.records import OutgoingRecord, RecordParts

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
        self._connection: Connection | None = None
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
        connection, self._connection = self._connection, None
        if connection is not None:
            await abandon(connection.client)

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
        if not records:
            return []
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._send_timeout_s):
                connection = await self._connected()
            with connection.in_use():
                outcomes = await self._send_over(connection, topic, records)
        except (KafkaError, OSError, TimeoutError) as error:
            await self._replace(connection)
            return [error] * len(records)
        except BaseException:
            await self._replace(connection)
            raise
        if any(outcome is not None for outcome in outcomes):
            await self._replace(connection)
        return outcomes

    async def partitioner(self, topic: str) -> Partitioner:
        """How keys are spread over the topic's partitions now. Raises SendError."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._send_timeout_s):
                connection = await self._connected()
                with connection.in_use():
                    return await self._partitioner(connection, topic)
        except (KafkaError, OSError, TimeoutError) as error:
            await self._replace(connection)
            raise SendError(f"nobody says how {topic} is partitioned") from error

    async def start_batch(
        self, topic: str, partition: int, records: Iterable[RecordParts]
    ) -> SentBatch:
        """Hand over as many of the first records as fit in one batch, without waiting for the ack.

        For one that has no other batch in flight to that partition: then they arrive in order.
        Where it fails, or takes too long, call `give_up` before the records are sent again.
        Raises SendError where nothing was handed over.
        """
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._send_timeout_s):
                connection = await self._connected()
                with connection.in_use():
                    batch, count = fill(connection.client, records)
                    sent = await connection.send(batch, TopicPartition(topic, partition))
        except (KafkaError, OSError, TimeoutError, ValueError) as error:
            await self._replace(connection)
            raise SendError(f"no batch was handed over for {topic}/{partition}") from error
        return SentBatch(count, sent, connection)

    async def give_up(self, sent: SentBatch) -> None:
        """Make sure that a batch which failed or takes too long is not written later than now.

        Its client goes, once other partitions' batches are acknowledged, or a second later.
        """
        sent.acknowledged.cancel()
        await self._replace(sent.connection)

    async def _send_over(
        self, connection: Connection, topic: str, records: Sequence[OutgoingRecord]
    ) -> list[Exception | None]:
        async with asyncio.timeout(self._send_timeout_s):
            partitioner = await self._partitioner(connection, topic)
        outcomes: list[Exception | None] = [None] * len(records)
        by_partition: dict[int, list[int]] = {}
        for index, record in enumerate(records):
            by_partition.setdefault(partitioner.partition(record.key), []).append(index)
        await asyncio.gather(
            *(
                self._send_partition(
                    connection, TopicPartition(topic, partition), records, indexes, outcomes
                )
                for partition, indexes in by_partition.items()
            )
        )
        return outcomes

    async def _send_partition(
        self,
        connection: Connection,
        to: TopicPartition,
        records: Sequence[OutgoingRecord],
        indexes: Sequence[int],
        outcomes: list[Exception | None],
    ) -> None:
        done = 0
        try:
            async with asyncio.timeout(self._send_timeout_s):
                while done < len(indexes):
                    parts = (
                        (r.key, r.value, [*r.headers])
                        for r in map(records.__getitem__, indexes[done:])
                    )
                    batch, count = fill(connection.client, parts)
                    await (await connection.send(batch, to))
                    done += count
        except (KafkaError, OSError, TimeoutError, ValueError) as error:
            for index in indexes[done:]:
                outcomes[index] = error

    async def _connected(self) -> Connection:
        if self._connection is not None:
            return self._connection
        async with self._connecting:
            if self._connection is None:
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
                self._connection = Connection(client)
            return self._connection

    async def _partitioner(self, connection: Connection, topic: str) -> Partitioner:
        count = len(await connection.client.partitions_for(topic))
        known = self._partitioners.get(topic)
        if known is None or known.partitions != count:
            known = self._partitioners[topic] = Partitioner(count)
        return known

    async def _replace(self, connection: Connection | None) -> None:
        if connection is None:
            return
        if self._connection is connection:
            self._connection = None
        await connection.abandon()

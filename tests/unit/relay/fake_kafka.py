"""A broker at the producer's seam: each partition acknowledges when it is told to."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from shared.kafka.connection import Connection, SentBatch
from shared.kafka.errors import SendError
from shared.kafka.partitioning import Partitioner
from shared.kafka.records import OutgoingRecord, RecordParts


@dataclass
class OnTheWay:
    ids: list[str]
    keys: list[bytes]
    sent: SentBatch


class FakeKafka:
    """Stands in for `IdempotentProducer`."""

    def __init__(self, *, partitions: int = 4, batch_records: int = 50) -> None:
        self.partitions = partitions
        self.batch_records = batch_records
        self.is_away = False
        self.without_leader: set[int] = set()
        self.on_the_way: dict[int, OnTheWay] = {}
        self.written: dict[int, list[str]] = {}
        self.by_key: dict[bytes, list[str]] = {}
        self.others: list[OutgoingRecord] = []
        self.asked: list[OutgoingRecord] = []
        """What came one by one, for a partition that takes it or not."""
        self.given_up = 0
        self.said_replayed: set[str] = set()
        """The ids of records that say that they may be there already."""

    async def partitioner(self, topic: str) -> Partitioner:
        if self.is_away:
            raise SendError(topic) from TimeoutError()
        return Partitioner(self.partitions)

    async def start_batch(
        self, topic: str, partition: int, records: Iterable[RecordParts]
    ) -> SentBatch:
        if self.is_away:
            raise SendError(topic) from TimeoutError()
        assert partition not in self.on_the_way, "two batches on their way to one partition"
        taken = [parts for parts, _ in zip(records, range(self.batch_records), strict=False)]
        ids = [dict(headers)["ce_id"].decode() for _, _, headers in taken]
        for _, _, headers in taken:
            self._note(dict(headers))
        answer = asyncio.get_running_loop().create_future()
        sent = SentBatch(len(taken), answer, cast("Connection", None))
        keys = [key for key, _, _ in taken if key is not None]
        self.on_the_way[partition] = OnTheWay(ids, keys, sent)
        return sent

    async def give_up(self, sent: SentBatch) -> None:
        sent.acknowledged.cancel()
        self.given_up += 1
        self.on_the_way = {n: way for n, way in self.on_the_way.items() if way.sent is not sent}

    async def send_all(self, records: Sequence[OutgoingRecord]) -> None:
        if self.is_away:
            raise SendError("away") from TimeoutError()
        self.others += records

    async def send_partitioned(
        self, topic: str, records: Sequence[OutgoingRecord]
    ) -> list[Exception | None]:
        outcomes: list[Exception | None] = []
        self.asked += records
        for record in records:
            assert record.topic == topic
            partition = Partitioner(self.partitions).partition(record.key)
            if partition in self.without_leader:
                outcomes.append(TimeoutError())
                continue
            self._note(dict(record.headers))
            self.written.setdefault(partition, []).append(dict(record.headers)["ce_id"].decode())
            outcomes.append(None)
        return outcomes

    def acknowledge(self, *partitions: int) -> None:
        """These partitions have written what is on its way to them, and say so."""
        for partition in partitions or tuple(self.on_the_way):
            if partition in self.on_the_way:
                way = self._write(partition)
                way.sent.acknowledged.set_result(None)

    def fail(self, partition: int, *, is_written: bool) -> None:
        """This one fails, though it may have written it all the same."""
        way = self._write(partition) if is_written else self.on_the_way.pop(partition)
        way.sent.acknowledged.set_exception(TimeoutError())

    @property
    def times_written(self) -> Counter[str]:
        """How often each id is on the topic."""
        return Counter(event_id for ids in self.written.values() for event_id in ids)

    def _note(self, headers: dict[str, bytes]) -> None:
        if "ce_replayed" in headers:
            self.said_replayed.add(headers["ce_id"].decode())

    def _write(self, partition: int) -> OnTheWay:
        way = self.on_the_way.pop(partition)
        self.written.setdefault(partition, []).extend(way.ids)
        for key, event_id in zip(way.keys, way.ids, strict=True):
            self.by_key.setdefault(key, []).append(event_id)
        return way

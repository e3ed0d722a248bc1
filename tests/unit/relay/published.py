"""A relay's publisher over a real journal and a fake broker."""

import asyncio
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from prometheus_client import CollectorRegistry

from services.relay.journal.directory import JournalDirectory
from services.relay.journal.journal import Journal
from services.relay.journal.records import CompletedRecord
from services.relay.journal.scan import Scanned
from services.relay.metrics import JournalMetrics, RequestMetrics
from services.relay.publishing.publisher import Publisher
from services.relay.recording.rejections import Rejections
from shared.kafka.partitioning import Partitioner
from shared.kafka.producer import IdempotentProducer
from tests.unit.relay.fake_kafka import FakeKafka
from tests.unit.relay.journal.made_journals import completed, died, found, open_journal

WORKSPACES: Final = 12
SEGMENT_BYTES: Final = 256 * 1024


def id_of(record: CompletedRecord) -> str:
    """The event's id."""
    return str(uuid.UUID(bytes=record.request_id))


@dataclass
class Published:
    """A publisher, and all that was completed."""

    root: Path
    max_bytes: int = 1_000_000
    timeout_s: float = 30.0
    kafka: FakeKafka = field(default_factory=FakeKafka)
    completed: list[CompletedRecord] = field(default_factory=list)
    journal: Journal = field(init=False)
    publisher: Publisher = field(init=False)
    _directory: JournalDirectory = field(init=False)

    def __post_init__(self) -> None:
        self._directory, self.journal = open_journal(
            self.root, segments=200, segment_bytes=SEGMENT_BYTES, max_waiting_bytes=self.max_bytes
        )
        registry = CollectorRegistry()
        self.publisher = Publisher(
            relay_id="relay-1",
            journal=self.journal,
            rejections=Rejections(RequestMetrics(registry)),
            producer=cast("IdempotentProducer", self.kafka),
            metrics=JournalMetrics(registry),
            max_lanes_bytes=self.max_bytes,
            timeout_s=self.timeout_s,
            partitions_every_s=0,
        )

    def complete(self, count: int, *, size: int = 300) -> None:
        """As many requests, of workspaces in turn."""
        for _ in range(count):
            at = len(self.completed) + 1
            record = completed(size=size, at=at)._replace(workspace_id=at % WORKSPACES)
            self.journal.admit(record.request_id, b"skeleton")
            self.journal.complete(record)
            self.completed.append(record)

    async def until_published(self) -> None:
        """Every partition acknowledges what comes, until nothing is left."""
        async with asyncio.timeout(20):
            while self.journal.unpublished_count:
                await self.publisher.step()
                self.kafka.acknowledge()
                await asyncio.sleep(0)

    def ids(self, partition: int | None = None) -> list[str]:
        """All ids in order, or one partition's."""
        spread = Partitioner(self.kafka.partitions)
        return [
            id_of(record)
            for record in self.completed
            if partition in (None, spread.partition(b"%d" % record.workspace_id))
        ]

    def die(self) -> Scanned:
        """kill -9; what the next relay finds."""
        died(self._directory, self.journal)
        return found(self.root)

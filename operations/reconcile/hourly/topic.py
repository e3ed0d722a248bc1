"""The topic, added up by hour and workspace: for each party what it has to have by its position.

A party's tables hold what it applied up to its watermark, and that is in the same snapshot. So a
busy system needs no waiting: what is beyond the watermark is not missed, but counted as waiting.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from operations.reconcile.gaps import Gap
from operations.reconcile.hourly.requests import Told, UnreadableError, read
from operations.reconcile.hourly.sums import Bucket, Sums, log_mark, mark_of
from operations.reconcile.positions import Marks
from shared.kafka.records import Partition, Record
from shared.kafka.spans import Span, SpanReader

LEDGER: Final = "billing"
LOGS: Final = "logging"
"""The parties, by the names of their groups."""


@dataclass(slots=True)
class OnTopic:
    """An hour of a workspace, as the topic has it."""

    events: int = 0
    """Records; a request whose relay crashed may be there twice."""
    for_ledger: Sums = field(default_factory=Sums)
    for_logs: Sums = field(default_factory=Sums)
    waiting_for_ledger: int = 0
    waiting_for_logs: int = 0

    def of(self, party: str) -> Sums:
        """What the party has to have."""
        return self.for_ledger if party == LEDGER else self.for_logs

    def add(self, request: Told, *, is_charged: bool, is_logged: bool, is_due: bool) -> None:
        """One record. `is_due`: who has not applied it by now is waited for."""
        if not (is_due or is_charged or is_logged):
            return
        self.events += 1
        mark = mark_of(request.request_id)
        if request.has_entry:
            if is_charged:
                self.for_ledger.add(mark, request.quota)
            elif is_due:
                self.waiting_for_ledger += 1
        if is_logged:
            self.for_logs.add(log_mark(mark, succeeded=request.succeeded), request.quota)
        elif is_due:
            self.waiting_for_logs += 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is read of the topic, and how far each party had applied it."""

    spans: Mapping[Partition, Span]
    due: Mapping[Partition, Span]
    """As it was at the start: what came since is compared where a party has applied it."""
    marks: Marks
    since: int
    """Unix seconds; hours before are left out."""
    workspace_id: int | None

    def takes(self, bucket: Bucket) -> bool:
        """Whether it is asked for."""
        return bucket.hour >= self.since and self.workspace_id in {None, bucket.workspace_id}

    def is_due(self, record: Record) -> bool:
        """Whether both parties had the time to apply it."""
        return record.offset < self.due[Partition(record.topic, record.partition)].end

    def has_applied(self, group: str, record: Record) -> bool:
        """Whether the party's tables have to have the record's effect."""
        mark = self.marks.get((group, Partition(record.topic, record.partition)), 0)
        return record.offset < mark


@dataclass(slots=True)
class TopicSums:
    """The whole stretch."""

    by_bucket: dict[Bucket, OnTopic] = field(default_factory=dict)
    unreadable: list[Gap] = field(default_factory=list)
    records: int = 0


async def read_sums(reader: SpanReader, stretch: Stretch) -> TopicSums:
    """Read it once; memory grows with hours and workspaces only."""
    sums = TopicSums()
    async for record in reader.records(stretch.spans):
        sums.records += 1
        try:
            request = read(record)
        except UnreadableError:
            place = f"{record.topic}/{record.partition}@{record.offset}"
            sums.unreadable.append(Gap(place, "cannot be read"))
            continue
        if request is None or not stretch.takes(bucket := request.bucket):
            continue
        found = sums.by_bucket.get(bucket)
        if found is None:
            found = sums.by_bucket[bucket] = OnTopic()
        found.add(
            request,
            is_charged=stretch.has_applied(LEDGER, record),
            is_logged=stretch.has_applied(LOGS, record),
            is_due=stretch.is_due(record),
        )
    return sums

"""Completions on their way to the partitions of their topic: one lane each, in order.

A lane whose partition is away keeps its place, and the others go on. It holds a bounded number of
bytes: what comes on top stays in the journal, is passed over here, and is read from there when the
lane has room again. Pure: who owns the lanes reads the journal and sends the batches.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from services.relay.journal.handover import Completion, Taken, Unread
from services.relay.journal.places import Place
from services.relay.journal.records import CompletedRecord
from services.relay.publishing.event_records import REPLAYED, Headers, key_of
from shared.kafka.partitioning import Partitioner
from shared.kafka.records import RecordParts

_MAX_REMEMBERED: Final = 100_000
_RECORD_BYTES: Final = 512
"""What a completion takes in memory besides its value."""


class Lane:
    """The completions of one partition that it has not acknowledged."""

    __slots__ = ("_bytes", "_doubtful", "_max_bytes", "partition", "sent", "unread", "waiting")

    def __init__(self, partition: int, *, max_bytes: int) -> None:
        self.partition = partition
        self._max_bytes = max_bytes
        self._bytes = 0
        self._doubtful = 0
        self.sent: list[Completion] = []
        """The batch that is on its way."""
        self.waiting: deque[Completion] = deque()
        """What comes after it."""
        self.unread: Unread | None = None
        """From where on its completions are in the journal only."""

    @property
    def has_room(self) -> bool:
        """Whether it may hold more."""
        return self._bytes < self._max_bytes

    @property
    def oldest(self) -> Unread | None:
        """A place before which nothing is left to acknowledge; null: nothing is left at all."""
        first = self.sent or self.waiting
        if not first:
            return self.unread
        return _at(first[0])

    def put(self, completion: Completion) -> bool:
        """Take one that comes after all before. False: it stays in the journal only."""
        if self._bytes >= self._max_bytes:
            return False
        self._bytes += len(completion[2].value) + _RECORD_BYTES
        self.waiting.append(completion)
        return True

    def parts(self, headers: Callable[[CompletedRecord], Headers]) -> Iterator[RecordParts]:
        """The records to send next; those that may have arrived say so."""
        doubtful = self._doubtful
        for number, (_, _, record) in enumerate(self.waiting):
            made = headers(record)
            if number < doubtful:
                made.append(REPLAYED)
            yield key_of(record.workspace_id), record.value, made

    def start(self, count: int) -> None:
        """The first `count` waiting ones are on their way."""
        self.sent = [self.waiting.popleft() for _ in range(count)]
        self._doubtful = max(0, self._doubtful - count)

    def acknowledge(self) -> int:
        """The batch has arrived. How many those are."""
        sent, self.sent = self.sent, []
        self._bytes -= sum(len(record.value) + _RECORD_BYTES for _, _, record in sent)
        return len(sent)

    def take_back(self) -> None:
        """The batch may not have arrived: it goes again."""
        self._doubtful += len(self.sent)
        self.waiting.extendleft(reversed(self.sent))
        self.sent = []


class Lanes:
    """One lane for each partition."""

    def __init__(self, partitioner: Partitioner, *, max_bytes: int) -> None:
        self._partitioner = partitioner
        self._by_workspace: dict[int, Lane] = {}
        self._end = Unread(0, 0, 0)
        count = partitioner.partitions
        self.all: Final = [Lane(n, max_bytes=max_bytes // count) for n in range(count)]

    @property
    def partitions(self) -> int:
        """How many there are."""
        return len(self.all)

    def take(self, taken: Taken) -> None:
        """Take what was completed since the last time."""
        lane_of, remembered = self._lane_of, self._by_workspace.get
        for completion in taken.completions:
            workspace_id = completion[2].workspace_id
            lane = remembered(workspace_id) or lane_of(workspace_id)
            if lane.unread is None and not lane.put(completion):
                lane.unread = _at(completion)
        if taken.unread is not None:
            for lane in self.all:
                lane.unread = lane.unread or taken.unread
        self._end = taken.end

    @property
    def end(self) -> Place:
        """The journal's end when they took from it the last time."""
        return self._end.place

    @property
    def next_to_read(self) -> Unread | None:
        """Where to read on in the journal for lanes that have room; null: none needs it."""
        unread = [lane.unread for lane in self.all if lane.unread and lane.has_room]
        return min(unread, default=None)

    def take_read(self, completions: Sequence[Completion], end: Place) -> None:
        """Take what was read from `next_to_read` on, up to `end`.

        Lanes that are further on pass over what they have.
        """
        reading = [lane for lane in self.all if lane.unread is not None and lane.has_room]
        following = self._end
        for completion in completions:
            place, _, record = completion
            if place >= self._end.place:
                break  # this one will be taken from memory
            lane = self._lane_of(record.workspace_id)
            if lane not in reading or (lane.unread and place < lane.unread.place):
                continue
            if not lane.put(completion):
                lane.unread = _at(completion)
                reading.remove(lane)
        else:
            if completions and end < self._end.place:
                _, ordinal, record = completions[-1]
                following = Unread(end, ordinal + 1, record.completed_at_us)
        for lane in reading:
            if lane.unread and lane.unread.place < following.place:
                lane.unread = following
            if lane.unread and lane.unread.place >= self._end.place:
                lane.unread = None

    @property
    def oldest(self) -> Unread | None:
        """A place before which all is acknowledged; null: all that was taken is."""
        return min([oldest for lane in self.all if (oldest := lane.oldest)], default=None)

    @property
    def published(self) -> tuple[Place, int]:
        """The place before which all is acknowledged, and how many that are."""
        oldest = self.oldest or self._end
        return oldest.place, oldest.ordinal

    @property
    def has_backlog(self) -> bool:
        """Whether any lane has more than is on its way."""
        return any(lane.sent and (lane.waiting or lane.unread) for lane in self.all)

    @property
    def is_busy(self) -> bool:
        """Whether anything that was taken is left to acknowledge."""
        return any(lane.sent or lane.waiting or lane.unread for lane in self.all)

    def _lane_of(self, workspace_id: int) -> Lane:
        lane = self._by_workspace.get(workspace_id)
        if lane is None:
            if len(self._by_workspace) >= _MAX_REMEMBERED:
                self._by_workspace.clear()
            lane = self.all[self._partitioner.partition(key_of(workspace_id))]
            self._by_workspace[workspace_id] = lane
        return lane


def _at(completion: Completion) -> Unread:
    place, ordinal, record = completion
    return Unread(place, ordinal, record.completed_at_us)

"""The write-ahead journal of one relay: what was admitted, what was completed, under which leases.

Appends are plain writes on the event loop (microseconds, into the page cache): they survive the
death of the process at once, and the loss of power from the next `sync` on.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.relay.journal.directory import JournalDirectory, Published
from services.relay.journal.format import SEGMENT_HEADER, RecordType, decode, encode
from services.relay.journal.records import (
    CompletedRecord,
    LeaseTotal,
    decode_completed,
    encode_admitted,
    encode_completed,
    encode_lease_opened,
    encode_leases,
)
from services.relay.journal.segment import Segment
from shared.events.event import MAX_EVENT_BYTES

RESERVED_BYTES: Final = MAX_EVENT_BYTES + 1024
"""Room kept for each request in flight: whatever its event becomes, it fits."""
_READ_BYTES: Final = 512 * 1024
_LISTED_LEASE_BYTES: Final = 160


class JournalFullError(Exception):
    """No room can be set aside for another request's completion. Nothing was written."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the journal."""

    segment: int
    offset: int


@dataclass(slots=True)
class _Open:
    segment: int
    payload: bytes


class Journal:
    """An open journal. Not safe for threads, but for `sync`."""

    def __init__(self, directory: JournalDirectory, *, segment_bytes: int, max_bytes: int) -> None:
        """Raises OSError where the disk has no room for the first segment."""
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._max_segments = max(2, max_bytes // segment_bytes)
        self._last_number = max(directory.segment_numbers(), default=0)
        self._open: dict[bytes, _Open] = {}
        self.leases: dict[str, LeaseTotal] = {}
        self._spare: deque[Segment] = deque()
        self._written: deque[Segment] = deque()
        self._current = self._new_segment()
        self._start_segment(self._current)
        self._published = Position(self._current.number, len(SEGMENT_HEADER))
        self.published_count = 0
        self.unpublished_count = 0
        self._is_syncing = False

    # --- admission and completion -------------------------------------------------------------

    def admit(self, request_id: bytes, skeleton: bytes) -> None:
        """Append that a request was admitted, and keep room for its completion.

        Raises JournalFullError: the request must be refused.
        """
        record = encode(RecordType.ADMITTED, encode_admitted(request_id, skeleton))
        self._ensure_room(len(record) + RESERVED_BYTES)
        self._append(record)
        self._open[request_id] = _Open(self._current.number, record)

    def complete(self, record: CompletedRecord) -> None:
        """Append a completion into the room kept for it. After this the charge is safe.

        Raises OSError on a broken disk; the client must then not get its last bytes.
        """
        self._append(encode(RecordType.COMPLETED, encode_completed(record)))
        self._open.pop(record.request_id, None)
        for lease_id, quota in record.lease_uses:
            lease = self.leases.get(lease_id)
            if lease is not None:
                lease.used_total += quota
        self.unpublished_count += 1

    def open_lease(self, lease_id: str, subject: str) -> None:
        """Write down a lease before billing hears of it, so that it is closed in any case."""
        self.leases[lease_id] = LeaseTotal(subject, 0)
        payload = encode_lease_opened(lease_id, subject)
        self._append(encode(RecordType.LEASE_OPENED, payload))

    def forget_lease(self, lease_id: str) -> None:
        """Billing has acknowledged that the lease is closed. Idempotent."""
        if self.leases.pop(lease_id, None) is not None:
            self._append(encode(RecordType.LEASE_CLOSED, lease_id.encode()))

    # --- publication --------------------------------------------------------------------------

    def read(self) -> tuple[Sequence[CompletedRecord], Position]:
        """The next completions to publish, and the position after them. Changes nothing."""
        position = self._published
        while True:
            segment = self._segment(position.segment)
            if segment is not None:
                data = segment.read(position.offset, _READ_BYTES)
                records = list(decode(data, base=position.offset))
                if records:
                    completed = [
                        decode_completed(record.payload)
                        for record in records
                        if record.type == RecordType.COMPLETED
                    ]
                    position = Position(position.segment, records[-1].next_offset)
                    if completed:
                        return completed, position
                    continue
            if position.segment >= self._current.number:
                return (), position
            position = Position(position.segment + 1, len(SEGMENT_HEADER))

    def published(self, position: Position, count: int) -> None:
        """Everything before `position` is on Kafka, `count` more than before. Frees segments."""
        self._published = position
        self.published_count += count
        self.unpublished_count -= count
        self._free_segments()

    def write_published(self) -> None:
        """Write the position down, so that a recovery need not publish all of it again."""
        self._directory.write_published(
            Published(self._published.segment, self._published.offset, self.published_count)
        )

    @property
    def oldest_unpublished_us(self) -> int | None:
        """`completed_at_us` of the oldest completion that is not on Kafka; null: there is none."""
        if self.unpublished_count == 0:
            return None
        completed, _ = self.read()
        return completed[0].completed_at_us if completed else None

    # --- the disk -----------------------------------------------------------------------------

    async def sync(self) -> None:
        """Put what was appended on the disk, off the loop. One call at a time."""
        self._is_syncing = True
        try:
            for segment in [*self._written, self._current]:
                if segment.synced_end < segment.end:
                    await asyncio.to_thread(segment.sync)
        finally:
            self._is_syncing = False

    @property
    def unsynced_bytes(self) -> int:
        """What a loss of power would lose now."""
        return sum(s.end - s.synced_end for s in [*self._written, self._current])

    @property
    def in_flight(self) -> int:
        """Requests admitted and not completed."""
        return len(self._open)

    @property
    def used_bytes(self) -> int:
        """Disk set aside for segments."""
        return (len(self._written) + 1 + len(self._spare)) * self._segment_bytes

    def close(self) -> None:
        """Close the files and leave the folder, locked, to its owner. Idempotent."""
        for segment in (*self._written, self._current, *self._spare):
            segment.close()

    # --- segments -----------------------------------------------------------------------------

    def _ensure_room(self, wanted: int) -> None:
        # The last RESERVED_BYTES of each segment may stay empty: a record is never split.
        needed = wanted + len(self._open) * RESERVED_BYTES
        room = self._usable(self._current) + sum(map(self._usable, self._spare))
        while room < needed:
            segments = len(self._written) + 1 + len(self._spare)
            if segments >= self._max_segments:
                raise JournalFullError
            try:
                spare = self._new_segment()
            except OSError as error:
                raise JournalFullError from error
            self._spare.append(spare)
            room += self._usable(spare)

    def _usable(self, segment: Segment) -> int:
        listed = 0 if segment is self._current else len(self.leases) * _LISTED_LEASE_BYTES
        return max(0, segment.room - RESERVED_BYTES - listed)

    def _append(self, record: bytes) -> None:
        if self._current.room < len(record):
            self._roll()
        self._current.append(record)

    def _roll(self) -> None:
        following = self._spare.popleft() if self._spare else self._new_segment()
        self._written.append(self._current)
        self._current = following
        self._start_segment(following)

    def _start_segment(self, segment: Segment) -> None:
        # Each segment begins with the leases as they stand: older ones may then be deleted.
        for payload in encode_leases(self.leases):
            segment.append(encode(RecordType.LEASES, payload))

    def _new_segment(self) -> Segment:
        self._last_number += 1
        number = self._last_number
        return Segment(self._directory.segment_path(number), number, size=self._segment_bytes)

    def _segment(self, number: int) -> Segment | None:
        if number == self._current.number:
            return self._current
        return next((s for s in self._written if s.number == number), None)

    def _free_segments(self) -> None:
        if self._is_syncing:
            return  # its files must stay open; the next publication comes here again
        while self._written and self._written[0].number < self._published.segment:
            number = self._written[0].number
            # A long stream must not pin its segment: its admission moves to the current one.
            for held in [o for o in self._open.values() if o.segment == number]:
                self._append(held.payload)
                held.segment = self._current.number
            segment = self._written.popleft()
            segment.close()
            segment.path.unlink(missing_ok=True)

"""The write-ahead journal of one relay: what was admitted, what was completed, under which leases.

Appends are copies into a memory map on the event loop (they are in the page cache at once, as
writes would be): they survive the death of the process, and the loss of power from the next `sync`
on. A record's head goes first: what a death cuts is told from damage by its span.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from zlib import crc32

from services.relay.journal.chain import Chain
from services.relay.journal.directory import JournalDirectory, Published
from services.relay.journal.format import (
    CHECKSUM_SEEDS,
    HEAD,
    HEAD_BYTES,
    SEGMENT_HEADER,
    RecordType,
    encode,
)
from services.relay.journal.handover import Completion, Handover, Taken
from services.relay.journal.places import Place, offset_of, place_of, segment_of
from services.relay.journal.reading import read_completions, read_record
from services.relay.journal.records import (
    ID_BYTES,
    CompletedRecord,
    LeaseTotal,
    encode_completed,
    encode_lease_opened,
    encode_leases,
)
from services.relay.journal.segment import Segment
from shared.events.event import MAX_EVENT_BYTES

RESERVED_BYTES: Final = MAX_EVENT_BYTES + 1024
"""Room kept for each request in flight: whatever its event becomes, it fits."""
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
"""Completions kept in memory for the publisher; more of them are read from the file again."""
_LISTED_LEASE_BYTES: Final = 160
# Plain values: an enum's member costs a look-up at each record.
_ADMITTED: Final = int(RecordType.ADMITTED)
_ADMITTED_SEED: Final = CHECKSUM_SEEDS[RecordType.ADMITTED]
_COMPLETED: Final = int(RecordType.COMPLETED)
_COMPLETED_SEED: Final = CHECKSUM_SEEDS[RecordType.COMPLETED]


class JournalFullError(Exception):
    """No room can be set aside for another request's completion. Nothing was written."""


class Journal:
    """An open journal. Not safe for threads; what blocks is awaited off the loop."""

    def __init__(
        self,
        directory: JournalDirectory,
        *,
        segment_bytes: int,
        max_bytes: int,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        """Raises OSError where the disk has no room for the first segment."""
        self._directory = directory
        self._open: dict[bytes, Place] = {}
        self.leases: dict[str, LeaseTotal] = {}
        self._handover = Handover(max_bytes=max_waiting_bytes)
        self._chain = Chain(directory, segment_bytes=segment_bytes, max_bytes=max_bytes)
        self.needs_tending = asyncio.Event()
        """Set when `tend` has something to do."""
        self.needs_tending.set()
        self._begin_segment()
        self._published = place_of(self._chain.current.number, len(SEGMENT_HEADER))
        self._marked_until_us = 0
        self.published_count = 0

    # --- admission and completion -------------------------------------------------------------

    def admit(self, request_id: bytes, skeleton: bytes) -> None:
        """Append that a request was admitted, and keep room for its completion.

        Raises JournalFullError: the request must be refused.
        """
        length = ID_BYTES + len(skeleton)
        kept = (len(self._open) + 1) * RESERVED_BYTES
        segment = self._segment
        if segment.end + length + kept > self._ask_from:
            self._ensure_room(HEAD_BYTES + length + kept)
        if segment.end + HEAD_BYTES + length > segment.size:
            segment = self._room_for(HEAD_BYTES + length)
        start = segment.end
        payload = request_id + skeleton
        head_end = start + HEAD_BYTES
        HEAD.pack_into(segment.map, start, length, crc32(payload, _ADMITTED_SEED), _ADMITTED)
        segment.map[head_end : head_end + length] = payload
        segment.end = head_end + length
        self._open[request_id] = self._segment_place | start

    def complete(self, record: CompletedRecord) -> None:
        """Append a completion into the room kept for it. After this the charge is safe.

        Raises OSError where there is no room, which none that was admitted meets; the client must
        then not get its last bytes.
        """
        payload = encode_completed(record)
        length = len(payload)
        segment = self._segment
        if segment.end + HEAD_BYTES + length > segment.size:
            segment = self._room_for(HEAD_BYTES + length)
        start = segment.end
        head_end = start + HEAD_BYTES
        HEAD.pack_into(segment.map, start, length, crc32(payload, _COMPLETED_SEED), _COMPLETED)
        segment.map[head_end : head_end + length] = payload
        segment.end = head_end + length
        self._open.pop(record.request_id, None)
        leases = self.leases
        for lease_id, quota in record.lease_uses:
            lease = leases.get(lease_id)
            if lease is not None:
                lease.used_total += quota
        self._handover.put(self._segment_place | start, record)

    def open_lease(self, lease_id: str, subject: str) -> None:
        """Write down a lease before billing hears of it, so that it is closed in any case."""
        self.leases[lease_id] = LeaseTotal(subject, 0)
        self._append(encode(RecordType.LEASE_OPENED, encode_lease_opened(lease_id, subject)))
        self._reckon_room()

    def forget_lease(self, lease_id: str) -> None:
        """Billing has acknowledged that the lease is closed. Idempotent."""
        if self.leases.pop(lease_id, None) is not None:
            self._append(encode(RecordType.LEASE_CLOSED, lease_id.encode()))
            self._reckon_room()

    # --- publication --------------------------------------------------------------------------

    def take(self) -> Taken:
        """The completions since the last call."""
        return self._handover.take(self.end)

    @property
    def end(self) -> Place:
        """Where the next record will be."""
        return self._segment_place | self._segment.end

    def read(self, place: Place, ordinal: int) -> tuple[Sequence[Completion], Place]:
        """Some of the completions from `place` on, where `ordinal` is the first one's.

        Also where they end; there are none only at the journal's end. Nothing before what was
        published can be read.
        """
        return read_completions(self._chain, place, ordinal)

    def published(self, place: Place, count: int) -> None:
        """All `count` completions before `place` are on Kafka. Lets go of segments before it."""
        self._published = place
        self.published_count = count
        while self._chain.written and self._chain.written[0].number < segment_of(place):
            try:
                self._move_admissions(self._chain.written[0].number)
            except OSError:
                return  # a full disk: the segment stays until there is room
            self._chain.free_oldest()
            self.needs_tending.set()

    async def note_published(self, *, marked_until_us: int) -> None:
        """Write the position down, so that a recovery need not publish all of it again.

        And what the mark that goes out next says: no later event may be older.
        """
        self._marked_until_us = marked_until_us
        await asyncio.to_thread(self._directory.write_published, self._position())

    def write_published(self) -> None:
        """The same, blocking."""
        self._directory.write_published(self._position())

    @property
    def unpublished_count(self) -> int:
        """Completions from the oldest one on that is not on Kafka."""
        return self._handover.total - self.published_count

    @property
    def oldest_untaken_us(self) -> int | None:
        """`completed_at_us` of the oldest completion that `take` would give."""
        return self._handover.oldest_us

    # --- the disk -----------------------------------------------------------------------------

    async def sync(self) -> None:
        """Put what was appended on the disk, off the loop. Raises OSError."""
        for segment in [*self._chain.written, self._chain.current]:
            if segment.synced_end < segment.end:
                await asyncio.to_thread(segment.sync)

    async def tend(self) -> None:
        """Off the loop: delete what was freed, and have the next segment ready ahead of need."""
        self.needs_tending.clear()
        await self._chain.dispose()
        if self._room < self._needed + self._chain.segment_bytes // 2:
            await self._chain.add_spare_ahead()
        self._reckon_room()

    @property
    def unsynced_bytes(self) -> int:
        """What a loss of power would lose now."""
        return sum(s.end - s.synced_end for s in [*self._chain.written, self._chain.current])

    @property
    def in_flight(self) -> int:
        """Requests admitted and not completed."""
        return len(self._open)

    @property
    def used_bytes(self) -> int:
        """Disk set aside for segments."""
        return self._chain.used_bytes

    def close(self) -> None:
        """Close the files and leave the folder, locked, to its owner. Idempotent."""
        self._chain.close()

    # --- room ---------------------------------------------------------------------------------

    @property
    def _room(self) -> int:
        return max(0, self._segment.room - RESERVED_BYTES) + self._spare_room

    @property
    def _spare_room(self) -> int:
        # The last RESERVED_BYTES of each segment may stay empty: a record is never split.
        listed = len(self.leases) * _LISTED_LEASE_BYTES + RESERVED_BYTES
        return sum(max(0, segment.room - listed) for segment in self._chain.spare)

    @property
    def _needed(self) -> int:
        return len(self._open) * RESERVED_BYTES

    def _reckon_room(self) -> None:
        """Where admissions have to ask: the room's end, and half a segment before."""
        self._room_end = self._segment.size - RESERVED_BYTES - HEAD_BYTES + self._spare_room
        ahead = self._chain.segment_bytes // 2 if self._chain.can_grow else 0
        self._ask_from = self._room_end - ahead

    def _ensure_room(self, wanted: int) -> None:
        """Raises JournalFullError."""
        self.needs_tending.set()
        while self._room < wanted:
            try:
                self._chain.add_spare()
            except OSError as error:
                raise JournalFullError from error
        self._reckon_room()
        self._ask_from = self._room_end  # it was asked for: not at each request again

    def _room_for(self, record_bytes: int) -> Segment:
        """Where a record goes: the current segment, or the next. Raises OSError."""
        if self._segment.room < record_bytes:
            self._chain.roll()
            self.needs_tending.set()
            self._begin_segment()
        return self._segment

    def _append(self, record: bytes) -> Place:
        segment = self._room_for(len(record))
        place: Place = self._segment_place | segment.end
        segment.append(record)
        return place

    def _begin_segment(self) -> None:
        self._segment = self._chain.current
        self._segment_place = place_of(self._segment.number, 0)
        # Each segment begins with the leases as they stand: older ones may then be deleted.
        for payload in encode_leases(self.leases):
            self._segment.append(encode(RecordType.LEASES, payload))
        self._reckon_room()

    def _move_admissions(self, number: int) -> None:
        # A long stream must not pin its segment: its admission moves to the current one.
        for request_id, place in self._open.items():
            if segment_of(place) == number:
                self._open[request_id] = self._append(read_record(self._chain, place))

    def _position(self) -> Published:
        return Published(
            segment_of(self._published),
            offset_of(self._published),
            self.published_count,
            self._marked_until_us,
        )

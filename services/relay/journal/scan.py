"""Reading back the journal of a relay that is gone."""

from contextlib import suppress
from dataclasses import dataclass, field

from services.relay.journal.directory import JournalDirectory
from services.relay.journal.format import (
    SEGMENT_HEADER,
    BadRecordError,
    JournalRecord,
    RecordType,
    UnknownVersionError,
    check_header,
    decode,
    torn_end,
)
from services.relay.journal.records import (
    CompletedRecord,
    LeaseTotal,
    decode_admitted,
    decode_completed,
    decode_lease_opened,
    decode_leases,
)
from shared.telemetry.logs import get_logger

_logger = get_logger()


@dataclass(slots=True)
class Scanned:
    """What a journal says. `interrupted` was admitted and never completed."""

    unpublished: list[CompletedRecord] = field(default_factory=list)
    interrupted: dict[bytes, bytes] = field(default_factory=dict)
    leases: dict[str, LeaseTotal] = field(default_factory=dict)
    listed_leases: dict[str, LeaseTotal] = field(default_factory=dict)
    """A list of leases that has not come whole yet."""
    published_count: int = 0
    last_us: int = 0
    """The last time that it tells of: of a completion, or of a mark. Unix microseconds."""
    quarantined: int = 0
    """Segments put aside because a record in the middle of them is damaged."""


def scan(directory: JournalDirectory) -> Scanned:
    """Read all segments in order. The caller holds the lock. May be repeated."""
    scanned = Scanned()
    published = directory.read_published()
    scanned.published_count = published.count
    scanned.last_us = published.marked_until_us
    completed: set[bytes] = set()
    for number in directory.segment_numbers():
        for record in _records(directory, number, scanned):
            is_published = (number, record.next_offset) <= (published.segment, published.offset)
            _apply(scanned, record, completed, is_published=is_published)
    for request_id in completed:
        scanned.interrupted.pop(request_id, None)
    return scanned


def _records(directory: JournalDirectory, number: int, scanned: Scanned) -> "list[JournalRecord]":
    data = directory.segment_path(number).read_bytes()
    end = len(SEGMENT_HEADER)
    records: list[JournalRecord] = []
    try:
        check_header(data)
    except UnknownVersionError:
        if data.strip(b"\0"):
            _put_aside(directory, number, scanned, reason="unknown_version")
        return records
    with suppress(BadRecordError):
        # decode() is lazy, and extend() keeps what came before the bad record.
        records.extend(decode(data[end:], base=end))
    if records:
        end = records[-1].next_offset
    if data[end:].strip(b"\0") and not torn_end(data, end):
        _put_aside(directory, number, scanned, reason="bad_record")
    return records


def _put_aside(directory: JournalDirectory, number: int, scanned: Scanned, *, reason: str) -> None:
    aside = directory.quarantine(number)
    scanned.quarantined += 1
    _logger.critical("journal.quarantined", segment=aside.name, reason=reason)


def _apply(
    scanned: Scanned, record: JournalRecord, completed: set[bytes], *, is_published: bool
) -> None:
    if record.type == RecordType.ADMITTED:
        request_id, skeleton = decode_admitted(record.payload)
        scanned.interrupted[request_id] = skeleton
    elif record.type == RecordType.COMPLETED:
        done = decode_completed(record.payload)
        completed.add(done.request_id)
        scanned.last_us = max(scanned.last_us, done.completed_at_us)
        for lease_id, quota in done.lease_uses:
            if lease_id in scanned.leases:
                scanned.leases[lease_id].used_total += quota
        if not is_published:
            scanned.unpublished.append(done)
    else:
        _apply_lease(scanned, record)


def _apply_lease(scanned: Scanned, record: JournalRecord) -> None:
    if record.type == RecordType.LEASES:
        part = decode_leases(record.payload)
        listed = {} if part.is_first else scanned.listed_leases
        scanned.listed_leases = listed | part.leases
        if part.is_last:
            scanned.leases = scanned.listed_leases
    elif record.type == RecordType.LEASE_OPENED:
        lease_id, subject = decode_lease_opened(record.payload)
        scanned.leases[lease_id] = LeaseTotal(subject, 0)
    elif record.type == RecordType.LEASE_CLOSED:
        scanned.leases.pop(record.payload.decode(), None)

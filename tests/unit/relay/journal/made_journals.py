"""Journals for tests: small segments, and records of any size."""

import uuid
from pathlib import Path
from typing import Final

from services.relay.journal.directory import JournalDirectory
from services.relay.journal.journal import RESERVED_BYTES, Journal
from services.relay.journal.records import CompletedRecord
from services.relay.journal.scan import Scanned, scan

SEGMENT_BYTES: Final = RESERVED_BYTES + 20_000
LARGE_SEGMENT_BYTES: Final = 6 * RESERVED_BYTES
RELAY: Final = "relay-1"


def open_journal(
    root: Path,
    *,
    relay_id: str = RELAY,
    segments: int = 8,
    segment_bytes: int = SEGMENT_BYTES,
    max_waiting_bytes: int = 1_000_000,
) -> tuple[JournalDirectory, Journal]:
    directory = JournalDirectory.create(root, relay_id)
    journal = Journal(
        directory,
        segment_bytes=segment_bytes,
        max_bytes=segments * segment_bytes,
        max_waiting_bytes=max_waiting_bytes,
    )
    return directory, journal


def publish_all(journal: Journal) -> list[CompletedRecord]:
    """As if Kafka had acknowledged all that was completed since the last time."""
    taken = journal.take()
    journal.published(taken.end.place, taken.end.ordinal)
    return [record for _, _, record in taken.completions]


def new_id() -> bytes:
    return uuid.uuid4().bytes


def completed(
    request_id: bytes | None = None,
    *,
    size: int = 500,
    uses: tuple[tuple[str, int], ...] = (),
    at: int = 1,
) -> CompletedRecord:
    return CompletedRecord(
        request_id=request_id or new_id(),
        completed_at_us=at,
        workspace_id=7,
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        lease_uses=uses,
        value=b"{" + b"v" * size + b"}",
    )


def died(directory: JournalDirectory, journal: Journal) -> None:
    """What is left of a relay that was killed: its files; its lock is gone."""
    journal.close()
    directory.unlock()


def found(root: Path) -> Scanned:
    """What the next relay reads out of the only folder."""
    (orphan,) = JournalDirectory.take_over(root)
    try:
        return scan(orphan)
    finally:
        orphan.unlock()

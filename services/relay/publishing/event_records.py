"""A completed request as its Kafka record: CloudEvents' binary mode, the headers made cheaply.

What `encode_headers` does for any event, for the one that is made at each request; a test holds the
two against each other.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from services.relay.journal.records import CompletedRecord
from services.relay.recording.completion import UTC_MICROSECONDS
from shared.events.catalog import RELAY_REQUESTS
from shared.events.requests import RequestCompleted
from shared.kafka.records import OutgoingRecord

Headers: TypeAlias = list[tuple[str, bytes]]
REPLAYED: Final = ("ce_replayed", b"1")
"""On a record that may be there already, on another offset: none without it is."""
_CONTENT_TYPE: Final = ("content-type", b"application/json")
_SPEC_VERSION: Final = ("ce_specversion", b"1.0")
_TYPE: Final = ("ce_type", RequestCompleted.TYPE.encode())


def source_of(relay_id: str) -> str:
    """The CloudEvents source of a relay start."""
    return f"ledgerline/relay/{relay_id}"


def headers_from(source: str) -> Callable[[CompletedRecord], Headers]:
    """What makes the headers of records of one source."""
    source_header = ("ce_source", source.encode())
    second = -1
    second_text = b""

    def headers(record: CompletedRecord) -> Headers:
        nonlocal second, second_text
        completed_s, microseconds = divmod(record.completed_at_us, UTC_MICROSECONDS)
        if completed_s != second:
            second = completed_s
            second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        # As `isoformat` has it: no fraction where there is none.
        fraction = b".%06d" % microseconds if microseconds else b""
        raw = record.request_id.hex()
        event_id = f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"
        return [
            _CONTENT_TYPE,
            _SPEC_VERSION,
            ("ce_id", event_id.encode()),
            _TYPE,
            source_header,
            ("ce_time", b"%b%b+00:00" % (second_text, fraction)),
            ("ce_traceparent", record.traceparent.encode()),
        ]

    return headers


def key_of(workspace_id: int) -> bytes:
    """The key of a workspace's events."""
    return b"%d" % workspace_id


def outgoing(record: CompletedRecord, *, source: str, is_replayed: bool = False) -> OutgoingRecord:
    """The Kafka record of a completed request. `is_replayed`: it may be on the topic already."""
    headers = headers_from(source)(record)
    return OutgoingRecord(
        topic=RELAY_REQUESTS.name,
        key=key_of(record.workspace_id),
        value=record.value,
        headers=(*headers, REPLAYED) if is_replayed else tuple(headers),
    )

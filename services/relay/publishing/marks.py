"""A relay's mark on `relay.health`: how far its events are on the topic."""

from datetime import UTC, datetime

from services.relay.recording.completion import UTC_MICROSECONDS
from shared.events.catalog import RELAY_HEALTH
from shared.events.event import Attributes, encode_headers, encode_value
from shared.events.health import RelayMarked
from shared.kafka.records import OutgoingRecord


def mark_record(mark: RelayMarked, *, source: str) -> OutgoingRecord:
    """The Kafka record of a relay's mark."""
    attributes = Attributes(
        id=f"{mark.relay_id}:{mark.published_count}:{int(mark.closed)}",
        source=source,
        time=mark.marked_at,
    )
    return OutgoingRecord(
        topic=RELAY_HEALTH.name,
        key=f"mark:{mark.relay_id}".encode(),
        value=encode_value(mark),
        headers=encode_headers(RelayMarked.TYPE, attributes),
    )


def age_s(oldest_us: int | None) -> float:
    """Age of an unpublished event, in seconds; 0 where there is none."""
    if oldest_us is None:
        return 0.0
    return max(0.0, datetime.now(UTC).timestamp() - oldest_us / UTC_MICROSECONDS)

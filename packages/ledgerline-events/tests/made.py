"""Events that tests make up."""

from datetime import datetime
from uuid import UUID

from ledgerline_events import Event
from ledgerline_events.model import Model


def made_id(moment: datetime, number: int = 0) -> str:
    """A UUIDv7 of that moment."""
    return str(
        UUID(int=(int(moment.timestamp() * 1000) << 80) | (0x7 << 76) | (0x8 << 60) | number)
    )


def made_event(event_id: str, *, topic: str = "relay.requests") -> Event:
    """An event of no content."""
    return Event(
        id=event_id,
        type="made.up",
        source="test",
        time=datetime.fromisoformat("2026-01-02T12:00:00Z"),
        data=Model(),
        topic=topic,
        partition=0,
        offset=0,
    )

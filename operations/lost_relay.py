"""Closing the mark of a relay whose journal is lost, so that freshness need not wait for it.

A relay says on `relay.health` how far its events are on the topic, and closes that mark when it
ends, or whoever takes its journal over does. Where the journal's volume is gone nobody ever will.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from operations.reconcile.topics import read_marks
from shared.events.catalog import RELAY_HEALTH
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.events.health import RelayMarked
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from shared.kafka.spans import SpanReader

LOST_AFTER: Final = timedelta(minutes=5)
"""A relay marks every few seconds, and one that was frozen or cut off may come back."""
SOURCE: Final = "ledgerline/operations/accept_gap"


class NotClosedError(Exception):
    """Why the relay's mark was left as it is."""


class ClosedMark(NamedTuple):
    """A relay's mark, closed."""

    mark: RelayMarked
    is_new: bool
    """False: it was closed before, and nothing was sent."""


async def close_lost_relay(bootstrap: str, relay_id: str, *, now: datetime) -> ClosedMark:
    """Close it as it stands: what it counted as published stays its word. Repeatable.

    Raises NotClosedError, and SpanUnavailableError or SendError where Kafka is away.
    """
    async with SpanReader(bootstrap=bootstrap, client_id="accept-gap") as reader:
        mark = (await read_marks(reader)).get(relay_id)
    if mark is None:
        raise NotClosedError(f"no relay {relay_id} has left a mark")
    if mark.closed:
        return ClosedMark(mark, is_new=False)
    if (silent := now - mark.marked_at) < LOST_AFTER:
        raise NotClosedError(
            f"relay {relay_id} said something {silent.total_seconds():.0f} s ago, and is taken for"
            f" lost after {LOST_AFTER.total_seconds():.0f} s"
        )
    closed = mark.model_copy(update={"closed": True, "marked_at": now})
    async with IdempotentProducer(bootstrap=bootstrap, client_id="accept-gap") as producer:
        await producer.send_all([_record(closed)])
    return ClosedMark(closed, is_new=True)


def _record(mark: RelayMarked) -> OutgoingRecord:
    attributes = Attributes(id=new_event_id(), source=SOURCE, time=mark.marked_at)
    return OutgoingRecord(
        topic=RELAY_HEALTH.name,
        key=f"mark:{mark.relay_id}".encode(),
        value=encode_value(mark),
        headers=encode_headers(RelayMarked.TYPE, attributes),
    )

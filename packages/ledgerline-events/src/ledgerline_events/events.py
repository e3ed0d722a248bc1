"""From a record of Kafka to an event: attributes from the headers, data from the JSON value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from pydantic import ValidationError

from ledgerline_events.model import Model
from ledgerline_events.models import BY_TYPE

RELAY_REQUESTS: Final = "relay.requests"
"""Each request, whole: `RequestCompleted`."""
BILLING_LEDGER: Final = "billing.ledger"
"""Each movement of money, and what budgets come to: `LedgerEntryPosted` and two more."""


class UnreadableEventError(Exception):
    """A record that says it is an event of a known type and is not. Names its place, no content."""


class Record(Protocol):
    """What Kafka clients hand out, aiokafka's `ConsumerRecord` for one."""

    topic: str
    partition: int
    offset: int
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One CloudEvent. `data` is one of this package's models: tell them apart by `isinstance`."""

    id: str
    """Deduplicate by it. The same id twice is the same event."""
    type: str
    source: str
    time: datetime
    data: Model
    topic: str
    partition: int
    offset: int


def read(record: Record) -> Event | None:
    """The event; null for a type that this release does not know: pass those over.

    Raises UnreadableEventError.
    """
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    model = BY_TYPE.get(headers.get("ce_type", ""))
    if model is None:
        return None
    try:
        return Event(
            id=headers["ce_id"],
            type=headers["ce_type"],
            source=headers["ce_source"],
            time=datetime.fromisoformat(headers["ce_time"]),
            data=model.model_validate_json(record.value or b""),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )
    except (KeyError, ValueError) as error:
        place = f"{record.topic}/{record.partition} at {record.offset}"
        raise UnreadableEventError(f"{place}: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fields = (".".join(map(str, each["loc"])) for each in error.errors(include_input=False))
        return f"wrong fields: {', '.join(fields)}"[:300]
    return "an attribute is missing or wrong"

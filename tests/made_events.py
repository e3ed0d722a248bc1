"""Events for tests: whole and valid, with what a test cares about put in by keyword."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from shared.events.event import Attributes, Event, encode_headers, encode_value, new_event_id
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.events.requests import Attempt, LeaseUse, Outcome, Rating, RequestCompleted
from shared.events.usage import Usage, UsageSource
from shared.kafka.records import OutgoingRecord, Record

NOON: Final = datetime(2026, 1, 2, 12, tzinfo=UTC)
ONE: Final = Decimal(1)


def request(**changes: Any) -> RequestCompleted:
    """A chat request that succeeded at its first attempt and cost 30."""
    values: dict[str, Any] = {
        "request_id": new_event_id(),
        "workspace_id": 7,
        "key_id": 70,
        "key_name": "laptop",
        "user_id": 700,
        "username": "ada",
        "dialect": "openai",
        "method": "POST",
        "path": "/v1/chat/completions",
        "group": "default",
        "requested_model": "gpt-4o-mini",
        "upstream_model": "gpt-4o-mini",
        "channel_id": 3,
        "channel_name": "primary",
        "provider": "simulator",
        "attempts": (
            Attempt(
                channel_id=3,
                channel_name="primary",
                provider="simulator",
                upstream_model="gpt-4o-mini",
                offset_ms=1,
                latency_ms=1500,
                http_status=200,
            ),
        ),
        "outcome": Outcome.SUCCEEDED,
        "http_status": 200,
        "usage": Usage(prompt_tokens=10, completion_tokens=20),
        "usage_source": UsageSource.PROVIDER,
        "quota": 30,
        "rating": Rating(
            price_version=1,
            model_ratio=ONE,
            completion_ratio=ONE,
            cache_ratio=ONE,
            cache_creation_ratio=ONE,
            image_ratio=ONE,
            audio_ratio=ONE,
            group_ratio=ONE,
        ),
        "leases": (LeaseUse(lease_id="lease-1", subject="account:7"),),
        "started_at": NOON,
        "completed_at": NOON,
        "latency_ms": 1600,
        "first_byte_ms": 300,
        "client_address": "192.0.2.1",
    }
    return RequestCompleted(**(values | changes))


def ledger_entry(**changes: Any) -> LedgerEntryPosted:
    """A top-up of one dollar."""
    values: dict[str, Any] = {
        "entry_id": 1,
        "workspace_id": 7,
        "kind": EntryKind.TOP_UP,
        "cause": "top_up:first",
        "amount_units": 500_000,
        "balance_after_units": 500_000,
        "user_id": 700,
        "actor_user_id": 1,
        "actor_name": "root",
        "posted_at": NOON,
    }
    return LedgerEntryPosted(**(values | changes))


def outgoing(
    topic: str,
    event: Event,
    *,
    event_id: str | None = None,
    source: str = "ledgerline/test",
    key: bytes = b"7",
    extra_headers: tuple[tuple[str, bytes], ...] = (),
) -> OutgoingRecord:
    """The record that a producer would send."""
    if event_id is None:
        event_id = event.request_id if isinstance(event, RequestCompleted) else new_event_id()
    attributes = Attributes(id=event_id, source=source, time=NOON)
    headers = (*encode_headers(event.TYPE, attributes), *extra_headers)
    return OutgoingRecord(topic, key, encode_value(event), headers)


def received(sent: OutgoingRecord, *, offset: int = 0) -> Record:
    """The same record as a reader sees it."""
    headers = dict(sent.headers)
    return Record(sent.topic, 0, offset, 0, sent.key, sent.value, headers)

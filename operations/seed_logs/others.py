"""What is no request, between the requests: top-ups, refunds and admins' actions. Pure.

One of each for so many requests, so that a search finds them among millions.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from shared.events.audit import ActionTaken
from shared.events.catalog import AUDIT_ACTIONS, BILLING_LEDGER
from shared.events.event import Attributes, Event, encode_headers, encode_value
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.kafka.records import OutgoingRecord

_SOURCE: Final = "ledgerline/seed"
_TOP_UP_OF: Final = 1000
_REFUND_OF: Final = 2500
_ACTION_OF: Final = 4000
_REFUNDED_LATER_S: Final = 1800


def others_after(number: int, request: OutgoingRecord) -> Iterator[OutgoingRecord]:
    """What happens beside the request of this number: nearly always nothing."""
    if number % _TOP_UP_OF and number % _REFUND_OF and number % _ACTION_OF:
        return
    told = orjson.loads(request.value or b"")
    if number % _TOP_UP_OF == 0:
        yield _posted(number, _entry(number, told, EntryKind.TOP_UP, 500_000))
    if number % _REFUND_OF == 0:
        yield _posted(number, _entry(number, told, EntryKind.REFUND, told["quota"] // 2 or 1))
    if number % _ACTION_OF == 0:
        yield _taken(number, told)


def _entry(number: int, told: Mapping[str, Any], kind: EntryKind, units: int) -> LedgerEntryPosted:
    at = datetime.fromisoformat(told["completed_at"])
    values = {
        "entry_id": number + 2,
        "workspace_id": told["workspace_id"],
        "kind": kind,
        "cause": f"{kind}:{number}",
        "amount_units": units,
        "balance_after_units": 10**9,
        "user_id": told["user_id"],
        "username": told["username"],
        "actor_user_id": 1,
        "actor_name": "root",
        "posted_at": at,
    }
    if kind is EntryKind.REFUND:
        values |= {
            "posted_at": datetime.fromtimestamp(int(at.timestamp()) + _REFUNDED_LATER_S, UTC),
            "bucket_at": at,
            "key_id": told["key_id"],
            "model": told["requested_model"],
            "project_id": told["project_id"],
            "provider_id": told["provider_id"],
            "refers_to_entry_id": number + 1,
            "refers_to_request_id": told["request_id"],
            "refers_to_failed": told["outcome"] != "succeeded",
        }
    return LedgerEntryPosted.model_validate(values)


def _posted(number: int, entry: LedgerEntryPosted) -> OutgoingRecord:
    event_id = f"{entry.kind}-{number}-{entry.posted_at.timestamp():.3f}"
    return _record(BILLING_LEDGER.name, event_id, entry, entry.workspace_id, entry.posted_at)


def _taken(number: int, told: Mapping[str, Any]) -> OutgoingRecord:
    action = ActionTaken.model_validate(
        {
            "action_id": f"seed-{number}",
            "workspace_id": told["workspace_id"],
            "actor_user_id": told["user_id"],
            "actor_name": told["username"],
            "action": "key.create",
            "resource_type": "key",
            "resource_id": str(told["key_id"]),
            "taken_at": told["completed_at"],
        }
    )
    event_id = f"action-{number}-{action.taken_at.timestamp():.3f}"
    return _record(AUDIT_ACTIONS.name, event_id, action, action.workspace_id, action.taken_at)


def _record(
    topic: str, event_id: str, event: Event, workspace_id: int, at: datetime
) -> OutgoingRecord:
    attributes = Attributes(id=event_id, source=_SOURCE, time=at)
    headers = encode_headers(event.TYPE, attributes)
    if isinstance(event, LedgerEntryPosted):
        headers = (*headers, ("ce_kind", event.kind.value.encode()))
    return OutgoingRecord(topic, b"%d" % workspace_id, encode_value(event), headers)

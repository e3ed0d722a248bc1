"""From a ledger entry to its log row. Pure."""

from typing import Final

from services.logging.rows.rows import LogRow, LogType, json_text
from shared.events.ids import event_uuid
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.money.quota import to_cents

LOGGED_KINDS: Final = frozenset(EntryKind) - {EntryKind.CHARGE}
"""A charge has its row from the request itself."""
_CENTS_PER_DOLLAR: Final = 100
_SENTENCES: Final = {
    EntryKind.TOP_UP: ("Topped up by {}", "Topped up by -{}"),
    EntryKind.REFUND: ("Refunded {}", "Refunded -{}"),
    EntryKind.GRANT: ("Granted {}", "Granted -{}"),
    EntryKind.EXPIRY: ("{} of a grant expired", "{} of a grant expired"),
    EntryKind.ADJUSTMENT: ("Adjusted by {}", "Adjusted by -{}"),
    EntryKind.TRANSFER: ("Received {} by transfer", "Transferred {}"),
}
"""What is said of what was added to the balance, and of what was taken from it."""
_SYSTEM: Final = frozenset({EntryKind.RELEASE, EntryKind.EXPIRY, EntryKind.TRANSFER})


def ledger_row(event_id: str, entry: LedgerEntryPosted) -> LogRow | None:
    """The row of an entry that is no charge's; None for a charge.

    What is of a request's charge is what the request's own row is, with its id: consumption, or an
    error. It is less than nothing where it gives back, so that the rows of a request sum to what it
    cost in the end, and no consumption is lowered by what none was raised by.
    """
    if entry.kind not in LOGGED_KINDS:
        return None
    is_of_use = entry.is_of_use
    return LogRow(
        event_id=event_uuid(event_id),
        workspace_id=entry.workspace_id,
        user_id=entry.user_id or 0,
        created_at=int(entry.posted_at.timestamp()),
        type=int(_type_of(entry)),
        content=_content(entry),
        username=entry.username,
        model_name=entry.model or "",
        quota=-entry.amount_units if is_of_use else entry.amount_units,
        token_id=entry.key_id or 0,
        request_id=(entry.refers_to_request_id or "") if is_of_use else "",
        other=json_text(
            {
                "entry_id": entry.entry_id,
                "entry_kind": entry.kind,
                "refers_to_entry_id": entry.refers_to_entry_id,
                "balance_after": entry.balance_after_units,
                "note": entry.note,
                "admin_info": {"user_id": entry.actor_user_id, "username": entry.actor_name},
            }
        ),
        project_id=entry.project_id,
        provider_id=entry.provider_id,
        bucket_at=int((entry.bucket_at or entry.posted_at).timestamp()) if is_of_use else None,
    )


def _type_of(entry: LedgerEntryPosted) -> LogType:
    if entry.is_of_use:
        return LogType.ERROR if entry.refers_to_failed else LogType.CONSUMPTION
    return LogType.SYSTEM if entry.kind in _SYSTEM else LogType.RECHARGE


def _content(entry: LedgerEntryPosted) -> str:
    if entry.kind is EntryKind.RELEASE:
        return f"A lease was released by force, with {entry.exposure_units} quota exposed"
    units = abs(entry.amount_units)
    amount = f"{units} quota (${to_cents(units) / _CENTS_PER_DOLLAR:.6f})"
    given, taken = _SENTENCES[entry.kind]
    return (given if entry.amount_units >= 0 else taken).format(amount)

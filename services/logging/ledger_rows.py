"""From a ledger entry to its log row. Pure."""

from typing import Final

from services.logging.rows import LogRow, LogType, json_text
from shared.events.ids import event_uuid
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.money.quota import to_cents

LOGGED_KINDS: Final = frozenset({EntryKind.TOP_UP, EntryKind.RELEASE})
"""A charge has its row from the request itself."""
_CENTS_PER_DOLLAR: Final = 100


def ledger_row(event_id: str, entry: LedgerEntryPosted) -> LogRow | None:
    """The row of a top-up or a forced release; None for an entry that has none."""
    if entry.kind not in LOGGED_KINDS:
        return None
    is_top_up = entry.kind is EntryKind.TOP_UP
    return LogRow(
        event_id=event_uuid(event_id),
        workspace_id=entry.workspace_id,
        user_id=entry.user_id or 0,
        created_at=int(entry.posted_at.timestamp()),
        type=int(LogType.RECHARGE if is_top_up else LogType.SYSTEM),
        content=_top_up(entry) if is_top_up else _release(entry),
        quota=entry.amount_units,
        token_id=entry.key_id or 0,
        other=json_text(
            {
                "entry_id": entry.entry_id,
                "balance_after": entry.balance_after_units,
                "note": entry.note,
                "admin_info": {"user_id": entry.actor_user_id, "username": entry.actor_name},
            }
        ),
    )


def _top_up(entry: LedgerEntryPosted) -> str:
    dollars = to_cents(entry.amount_units) / _CENTS_PER_DOLLAR
    return f"Topped up by {entry.amount_units} quota (${dollars:.6f})"


def _release(entry: LedgerEntryPosted) -> str:
    return f"A lease was released by force, with {entry.exposure_units} quota exposed"

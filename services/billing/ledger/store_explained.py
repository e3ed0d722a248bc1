"""What the ledger keeps of a charge, for whoever asks why."""

from typing import Final

import asyncpg
import orjson

from services.billing.ledger.explaining import KeptCharge

_CHARGE: Final = """
SELECT e.entry_id, e.workspace_id, e.key_id, e.user_id, e.model, e.amount_units,
    e.balance_after_units - e.amount_units AS balance_before_units, e.balance_after_units,
    e.excess_units, floor(extract(epoch FROM e.posted_at))::bigint AS posted_at,
    e.posted_at AS charged_at, encode(e.prev_hash, 'hex') AS prev_hash,
    encode(e.entry_hash, 'hex') AS entry_hash, e.detail, r.rating
FROM ledger_entries AS e LEFT JOIN rating_snapshots AS r USING (rating_key)
WHERE e.cause = $1
"""
_CHANGES: Final = """
SELECT entry_id, kind, amount_units, note AS reason,
    floor(extract(epoch FROM posted_at))::bigint AS posted_at
FROM ledger_entries WHERE refers_to_entry_id = $1 ORDER BY entry_id
"""
_BUDGETS: Final = """
SELECT id AS budget_id, name FROM budgets
WHERE workspace_id = $1 AND first_period_start <= $2
    AND (project_id IS NULL OR project_id = $3) AND (provider_id IS NULL OR provider_id = $4)
    AND (deleted_at IS NULL OR deleted_at > $2)
ORDER BY id
"""


async def read_charge(pool: asyncpg.Pool, request_id: str) -> KeptCharge | None:
    """All of one moment. None: the ledger has no charge of this request."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        row = await connection.fetchrow(_CHARGE, f"request:{request_id}")
        if row is None:
            return None
        entry = {"request_id": request_id, **row}
        detail = orjson.loads(entry.pop("detail") or b"{}")
        rating = entry.pop("rating")
        budgets = await connection.fetch(
            _BUDGETS,
            entry["workspace_id"],
            entry.pop("charged_at"),
            detail.get("project_id"),
            detail.get("provider_id"),
        )
        changes = await connection.fetch(_CHANGES, entry["entry_id"])
    return KeptCharge(
        entry,
        detail,
        None if rating is None else orjson.loads(rating),
        [dict(change) for change in changes],
        [dict(budget) for budget in budgets],
    )

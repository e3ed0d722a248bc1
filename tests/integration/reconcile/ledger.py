"""Ledger entries written by hand, each chained behind its account's last one."""

import json
from datetime import datetime
from typing import Any, Final

import asyncpg

from shared.money.chain import ChainedEntry, ChainHead, detail_hash, follow, unix_us

_LAST: Final = """
SELECT entry_id, entry_hash, balance_after_units FROM billing.ledger_entries
WHERE workspace_id = $1 ORDER BY entry_id DESC LIMIT 1
"""
_INSERT: Final = """
INSERT INTO billing.ledger_entries
    (entry_id, workspace_id, kind, cause, amount_units, balance_after_units, exposure_units, key_id,
     user_id, model, posted_at, refers_to_entry_id, bucket_at, detail, detail_hash, prev_hash,
     entry_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
"""
_HEAD: Final = """
UPDATE billing.accounts SET head_entry_id = $2, head_hash = $3 WHERE workspace_id = $1
"""


async def append_entry(
    connection: asyncpg.Connection,
    workspace_id: int,
    kind: str,
    cause: str,
    amount_units: int,
    *,
    posted_at: datetime,
    exposure_units: int = 0,
    key_id: int | None = None,
    user_id: int | None = None,
    model: str | None = None,
    refers_to_entry_id: int | None = None,
    bucket_at: datetime | None = None,
    detail: dict[str, Any] | None = None,
) -> int:
    """The account's next entry, and its head where there is an account; answers the entry's id."""
    last = await connection.fetchrow(_LAST, workspace_id)
    head = ChainHead() if last is None else ChainHead(last["entry_id"], last["entry_hash"])
    entry_id = await connection.fetchval("SELECT nextval('billing.ledger_entries_entry_id_seq')")
    text = None if detail is None else json.dumps(detail)
    hashed = b"" if text is None else detail_hash(b"", text.encode())
    entry = ChainedEntry(
        entry_id=entry_id,
        workspace_id=workspace_id,
        kind=kind,
        cause=cause,
        amount_units=amount_units,
        balance_after_units=amount_units + (0 if last is None else last["balance_after_units"]),
        excess_units=0,
        exposure_units=exposure_units,
        key_id=key_id,
        user_id=user_id,
        actor_user_id=None,
        refers_to_entry_id=refers_to_entry_id,
        posted_at_us=unix_us(posted_at),
        bucket_at_us=None if bucket_at is None else unix_us(bucket_at),
        model=model or "",
        actor_name="",
        note="",
        detail_hash=hashed.hex(),
    )
    link = follow(head, entry)
    await connection.execute(
        _INSERT,
        entry_id,
        workspace_id,
        kind,
        cause,
        amount_units,
        entry.balance_after_units,
        exposure_units,
        key_id,
        user_id,
        model,
        posted_at,
        refers_to_entry_id,
        bucket_at,
        text,
        hashed or None,
        *link,
    )
    await connection.execute(_HEAD, workspace_id, entry_id, link.entry_hash)
    return int(entry_id)

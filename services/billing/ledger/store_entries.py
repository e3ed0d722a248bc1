"""Single ledger entries, written and read."""

from typing import Any, Final, NamedTuple

import asyncpg

from services.billing.ledger.events import entry_record
from shared.events.catalog import BILLING_LEDGER
from shared.events.ledger import LedgerEntryPosted
from shared.kafka.outbox import enqueue
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

MAX_COUNTED: Final = 100_000
"""A list says that it has so many entries where it has more: counting all would take too long."""

_REQUEST: Final = "request:"
_NEXT_ID: Final = "SELECT nextval('ledger_entries_entry_id_seq')"
_INSERT: Final = """
INSERT INTO ledger_entries (entry_id, workspace_id, kind, cause, amount_units,
    balance_after_units, excess_units, exposure_units, key_id, user_id, actor_user_id, actor_name,
    note, posted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (cause) DO NOTHING
"""
_BY_CAUSE: Final = """
SELECT entry_id, workspace_id, amount_units, balance_after_units FROM ledger_entries
WHERE cause = $1
"""
_LIST: Final = """
SELECT entry_id, workspace_id, kind, cause, amount_units, balance_after_units, excess_units,
    exposure_units, key_id, user_id, model, actor_user_id, actor_name, note,
    floor(extract(epoch FROM posted_at))::bigint AS posted_at
FROM ledger_entries
WHERE workspace_id = $1 AND entry_id < $2
ORDER BY entry_id DESC LIMIT $3 OFFSET $4
"""
_COUNT: Final = """
SELECT count(*) FROM (
    SELECT FROM ledger_entries WHERE workspace_id = $1 AND entry_id < $2 LIMIT $3
) AS counted
"""


class PostedEntry(NamedTuple):
    """What tells one entry from another of the same cause."""

    entry_id: int
    workspace_id: int
    amount_units: int
    balance_after_units: int


async def next_entry_id(connection: Connection) -> int:
    """An id for an entry."""
    return int(await connection.fetchval(_NEXT_ID))


async def insert_entry(connection: Connection, entry: LedgerEntryPosted) -> bool:
    """Put an entry into the ledger and its event into the outbox.

    Answers False, and does nothing, where its cause is in the ledger already.
    """
    status = await connection.execute(
        _INSERT,
        entry.entry_id,
        entry.workspace_id,
        entry.kind.value,
        entry.cause,
        entry.amount_units,
        entry.balance_after_units,
        entry.excess_units,
        entry.exposure_units,
        entry.key_id,
        entry.user_id,
        entry.actor_user_id,
        entry.actor_name,
        entry.note,
        entry.posted_at,
    )
    if status == "INSERT 0 0":
        return False
    await enqueue(connection, BILLING_LEDGER.name, [entry_record(entry, now=utc_now())])
    return True


async def entry_by_cause(connection: Connection, cause: str) -> PostedEntry | None:
    """The entry of a cause."""
    row = await connection.fetchrow(_BY_CAUSE, cause)
    return None if row is None else PostedEntry(*row)


async def list_entries(
    pool: asyncpg.Pool, workspace_id: int, *, before_entry_id: int, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """A page of entries, newest first, and how many there are, MAX_COUNTED at the most."""
    rows = await pool.fetch(_LIST, workspace_id, before_entry_id, limit, offset)
    total = await pool.fetchval(_COUNT, workspace_id, before_entry_id, MAX_COUNTED)
    return [_public(row) for row in rows], int(total)


def _public(row: asyncpg.Record) -> dict[str, Any]:
    entry = dict(row)
    cause: str = entry["cause"]
    entry["request_id"] = cause.removeprefix(_REQUEST) if cause.startswith(_REQUEST) else None
    return entry

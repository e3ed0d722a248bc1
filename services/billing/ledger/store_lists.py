"""Reading an account's ledger: a page of it, or all of it as a stream."""

from collections.abc import AsyncGenerator
from typing import Any, Final

import asyncpg

from services.billing.ledger.filters import MATCHES, EntryFilter
from shared.postgres.retrying import Connection

MAX_COUNTED: Final = 100_000
"""A list says that it has so many entries where it has more: counting all would take too long."""
ROWS_A_FETCH: Final = 500

_REQUEST: Final = "request:"
_COLUMNS: Final = """
entry_id, workspace_id, kind, cause, amount_units, balance_after_units, excess_units,
exposure_units, key_id, user_id, model, actor_user_id, actor_name, note,
floor(extract(epoch FROM posted_at))::bigint AS posted_at, refers_to_entry_id,
floor(extract(epoch FROM bucket_at))::bigint AS bucket_at,
encode(prev_hash, 'hex') AS prev_hash, encode(entry_hash, 'hex') AS entry_hash
"""
_LIST: Final = f"""
SELECT {_COLUMNS} FROM ledger_entries WHERE {MATCHES}
ORDER BY entry_id DESC LIMIT $8 OFFSET $9
"""
_COUNT: Final = f"""
SELECT count(*) FROM (SELECT FROM ledger_entries WHERE {MATCHES} LIMIT $8) AS counted
"""
_ALL: Final = f"SELECT {_COLUMNS} FROM ledger_entries WHERE {MATCHES} ORDER BY entry_id"
# Between two fetches the caller is written to, who may be slow; and what matches may be far apart.
_LET_WAIT: Final = """
SET LOCAL idle_in_transaction_session_timeout = '5min'; SET LOCAL statement_timeout = '5min'
"""


async def list_entries(
    pool: asyncpg.Pool, wanted: EntryFilter, *, limit: int, offset: int
) -> tuple[list[dict[str, Any]], bool]:
    """A page of entries, newest first, and whether there are more behind it."""
    rows = await pool.fetch(_LIST, *wanted.values, limit + 1, offset)
    return [_public(row) for row in rows[:limit]], len(rows) > limit


async def count_entries(pool: asyncpg.Pool, wanted: EntryFilter) -> int:
    """How many there are, MAX_COUNTED at the most."""
    return int(await pool.fetchval(_COUNT, *wanted.values, MAX_COUNTED))


async def stream_entries(
    connection: Connection, wanted: EntryFilter
) -> AsyncGenerator[list[dict[str, Any]]]:
    """All entries as they are at one moment, oldest first, some at a time."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_LET_WAIT)
        cursor = await connection.cursor(_ALL, *wanted.values)
        while rows := await cursor.fetch(ROWS_A_FETCH):
            yield [_public(row) for row in rows]


def _public(row: asyncpg.Record) -> dict[str, Any]:
    entry = dict(row)
    cause: str = entry["cause"]
    entry["request_id"] = cause.removeprefix(_REQUEST) if cause.startswith(_REQUEST) else None
    return entry

"""Ledger entries, written and read."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from shared.postgres.retrying import Connection

MAX_COUNTED: Final = 100_000
"""A list says that it has so many entries where it has more: counting all would take too long."""

_REQUEST: Final = "request:"
_UNIQUE_CAUSE: Final = "ledger_entries_cause_key"
_TAKE_IDS: Final = """
SELECT array_agg(nextval('ledger_entries_entry_id_seq')) FROM generate_series(1, $1::int)
"""
_BY_CAUSE: Final = """
SELECT cause, entry_id, workspace_id, amount_units, balance_after_units, refers_to_entry_id
FROM ledger_entries WHERE cause = ANY($1::text[])
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
    refers_to_entry_id: int | None = None
    is_repeated: bool = False
    """It was in the ledger before."""


class ConcurrentEntryError(Exception):
    """Another transaction has put an entry of the same cause into the ledger: try again, whole."""

    sqlstate = "40001"
    """What the database calls the same thing, so that whoever retries it does so."""


async def take_entry_ids(connection: Connection, count: int) -> list[int]:
    """Ids for new entries, in order. Under the accounts' lock, so that each account's ids rise."""
    ids: list[int] = await connection.fetchval(_TAKE_IDS, count)
    return ids


async def copy_entries(
    connection: Connection, rows: Sequence[tuple[object, ...]], columns: Sequence[str]
) -> None:
    """Put entries into the ledger.

    The unique cause has the last word: raises ConcurrentEntryError where one was there after all.
    """
    try:
        # Takes the database and the client library half of what an INSERT of arrays does.
        await connection.copy_records_to_table("ledger_entries", records=rows, columns=columns)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != _UNIQUE_CAUSE:
            raise
        raise ConcurrentEntryError from None


async def entries_by_cause(connection: Connection, causes: Sequence[str]) -> dict[str, PostedEntry]:
    """Those of the causes that are in the ledger, as repeats."""
    rows = await connection.fetch(_BY_CAUSE, causes)
    return {row["cause"]: PostedEntry(*row[1:])._replace(is_repeated=True) for row in rows}


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

"""Ledger entries, written, and found by their cause."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from shared.postgres.retrying import Connection

_UNIQUE_CAUSE: Final = "ledger_entries_cause_key"
_TAKE_IDS: Final = """
SELECT array_agg(nextval('ledger_entries_entry_id_seq')) FROM generate_series(1, $1::int)
"""
_BY_CAUSE: Final = """
SELECT cause, entry_id, workspace_id, amount_units, balance_after_units, refers_to_entry_id
FROM ledger_entries WHERE cause = ANY($1::text[])
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

"""The chains of accounts by hash (I9): the newest entries of some accounts, or all of them all."""

from typing import Final

import asyncpg

from operations.ledger_chain.checking import ChainCheck
from operations.ledger_chain.table import follow_chains, follow_newest
from operations.reconcile.gaps import Check, Gap, check

_ACCOUNTS: Final = 100
_ENTRIES: Final = 1_000
_SAMPLE: Final = """
SELECT workspace_id, count(*) OVER () AS accounts FROM billing.accounts ORDER BY random() LIMIT $1
"""
_HAS_MORE: Final = """
SELECT coalesce(bool_or(EXISTS (
    SELECT 1 FROM billing.ledger_entries AS own
    WHERE own.workspace_id = asked.workspace_id OFFSET $2
)), false) FROM unnest($1::bigint[]) AS asked (workspace_id)
"""


async def chains_check(
    connection: asyncpg.Connection, *, takes_all: bool
) -> tuple[Check, list[str]]:
    """In the caller's snapshot: the accounts whose chain is broken, and what was not looked at.

    Without `takes_all` it takes a second at the most: other accounts each time, at random.
    """
    if takes_all:
        return _check(await follow_chains(connection, None)), []
    rows = await connection.fetch(_SAMPLE, _ACCOUNTS)
    sample = [row["workspace_id"] for row in rows]
    followed = await follow_newest(connection, sample, entries=_ENTRIES)
    if all(row["accounts"] == len(rows) for row in rows) and not await connection.fetchval(
        _HAS_MORE, sample, _ENTRIES
    ):
        return _check(followed), []
    note = (
        f"chains: the newest {_ENTRIES:,} entries each of {len(rows):,} accounts, taken at random;"
        " --chains follows them all"
    )
    return _check(followed), [note]


def _check(followed: ChainCheck) -> Check:
    gaps = [
        Gap(f"account {each.workspace_id}", f"entry {each.entry_id} is broken: {each.what}")
        for each in followed.breaks
    ]
    return check("I9 chains of ledger entries", followed.entries, gaps)

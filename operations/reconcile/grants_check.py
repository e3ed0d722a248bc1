"""Grants that end: what is left of each is what was given, less what it paid and what expired."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

import asyncpg
import orjson

from operations.reconcile.gaps import Check, Gap, check
from operations.reconcile.lots import Given, Lots, Moved

_FETCH: Final = 2_000
# One that ends while we look is held against its bound only.
_GRANTS: Final = """
SELECT grant_id, g.workspace_id, g.entry_id, granted_units, remaining_units, expires_at,
       coalesce(e.amount_units, 0) AS entry_units, coalesce(a.balance_units, 0) AS balance_units,
       expires_at > now() + interval '1 minute' AS is_open
FROM billing.grants AS g
LEFT JOIN billing.ledger_entries AS e
    ON e.entry_id = g.entry_id AND e.workspace_id = g.workspace_id AND e.kind = 'grant'
LEFT JOIN billing.accounts AS a ON a.workspace_id = g.workspace_id
"""
# From an account's first grant on: none paid for what was before. Of the charges, which are nearly
# all, only those that a grant paid: the text is searched before anything of it is parsed.
_ENTRIES: Final = """
SELECT entry_id, workspace_id, kind, amount_units, balance_after_units, posted_at,
       refers_to_entry_id,
       CASE kind WHEN 'expiry' THEN substring(cause, '^expiry:([0-9]{1,18}):')::bigint END
           AS expired_grant_id,
       CASE kind WHEN 'charge' THEN detail ->> 'sources' END AS sources,
       kind = 'charge' AND EXISTS (
           SELECT 1 FROM billing.ledger_entries AS later
           WHERE later.refers_to_entry_id = entry.entry_id
       ) AS is_settled
FROM unnest($1::bigint[], $2::bigint[]) AS account (workspace_id, first_entry_id)
JOIN billing.ledger_entries AS entry USING (workspace_id)
WHERE entry_id >= first_entry_id
  AND (kind <> 'charge' OR position('"sources":[{' IN detail::text) > 0)
ORDER BY workspace_id, entry_id
"""


async def grants_check(connection: asyncpg.Connection) -> Check:
    """The grants that do not fit, in the caller's snapshot.

    Until its end exactly, where its account always had more than its grants together. After that a
    grant may have less: what leases held is taken later, and what the balance has not is gone.
    """
    rows = await connection.fetch(_GRANTS)
    lots = Lots(Given(**{name: row[name] for name in Given._fields}) for row in rows)
    async for entry in _entries(connection, rows):
        lots.move(entry)
    for row in rows:
        lots.see_balance(row["workspace_id"], row["balance_units"])
    gaps = (gap for row in rows for gap in _gaps(row, lots))
    return check("grants = given - paid - expired", len(rows), gaps)


async def _entries(connection: asyncpg.Connection, grants: Sequence[Any]) -> AsyncIterator[Moved]:
    first: dict[int, int] = {}
    for row in grants:
        workspace_id, entry_id = row["workspace_id"], row["entry_id"]
        first[workspace_id] = min(entry_id, first.get(workspace_id, entry_id))
    if not first:
        return
    query = connection.cursor(_ENTRIES, list(first), list(first.values()), prefetch=_FETCH)
    async for row in query:
        sources = orjson.loads(row["sources"] or "[]")
        yield Moved(
            **dict(row) | {"sources": [(part["grant_id"], part["units"]) for part in sources]}
        )


def _gaps(row: Any, lots: Lots) -> Iterator[Gap]:
    grant, left = f"grant {row['grant_id']}", lots.left[row["grant_id"]]
    is_exact = row["is_open"] and lots.is_exact(row["workspace_id"])
    if row["entry_units"] != row["granted_units"]:
        yield Gap(grant, f"gave {row['granted_units']}, its entry {row['entry_units']}")
    if is_exact and row["remaining_units"] != left:
        yield Gap(grant, f"has {row['remaining_units']} left, by the entries {left}")
    elif row["remaining_units"] > left:
        yield Gap(grant, f"has {row['remaining_units']} left, by the entries {left} at the most")

"""The charges of a past period, as the ledger has them. Only reads.

Each call is to be made in a transaction: it may take longer than statements of others may.
"""

from datetime import datetime
from typing import Final, NamedTuple

from shared.postgres.retrying import Connection

_NO_TIMEOUT: Final = "SET LOCAL statement_timeout = '10min'"
_STRETCH: Final = """
SELECT coalesce(min(entry_id), 0) AS first, coalesce(max(entry_id), 0) AS last, count(*) AS entries,
       pg_snapshot_xmax(pg_current_snapshot())::text AS settled_by
FROM ledger_entries
WHERE kind = 'charge' AND posted_at >= $1 AND posted_at < $2
  AND ($3::bigint IS NULL OR workspace_id = $3) AND ($4::text IS NULL OR model = $4)
"""
_CHARGES: Final = """
SELECT e.entry_id, e.workspace_id, coalesce(e.model, '') AS model, e.detail, r.rating,
       -e.amount_units + coalesce(s.adjusted_units, 0) AS units,
       coalesce(s.refunded_units, 0) AS refunded_units
FROM ledger_entries AS e
LEFT JOIN rating_snapshots AS r ON r.rating_key = e.rating_key
LEFT JOIN charge_settlements AS s ON s.charge_entry_id = e.entry_id
WHERE e.entry_id BETWEEN $1 AND $2 AND e.kind = 'charge' AND e.posted_at >= $3 AND e.posted_at < $4
  AND ($5::bigint IS NULL OR e.workspace_id = $5) AND ($6::text IS NULL OR e.model = $6)
ORDER BY e.entry_id LIMIT $7
"""
_IS_SETTLED: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8"


class ChargesOf(NamedTuple):
    """Which charges: those of a period, without its end; None: of all workspaces, all models."""

    from_at: datetime
    to_at: datetime
    workspace_id: int | None = None
    model: str | None = None


class Stretch(NamedTuple):
    """The entries among which the charges are, as they were at one time."""

    first_entry_id: int
    last_entry_id: int
    entries: int
    """How many of them are charges that are meant."""
    settled_by: str
    """Once `is_settled`, no more of them can come."""


class OldCharge(NamedTuple):
    """A charge of the past, net of earlier adjustments."""

    entry_id: int
    workspace_id: int
    model: str
    detail: str | None
    rating: str | None
    units: int
    refunded_units: int


async def stretch_of(connection: Connection, of: ChargesOf) -> Stretch:
    """Where the charges are that there are now."""
    await connection.execute(_NO_TIMEOUT)
    (found,) = await connection.fetch(_STRETCH, *of)
    return Stretch(*found)


async def is_settled(connection: Connection, settled_by: str) -> bool:
    """Whether everybody who had an entry's number when the stretch was taken has ended."""
    return bool(await connection.fetchval(_IS_SETTLED, settled_by))


async def read_charges(
    connection: Connection, of: ChargesOf, *, first_entry_id: int, last_entry_id: int, limit: int
) -> list[OldCharge]:
    """The next charges between the two entries, in order of id."""
    await connection.execute(_NO_TIMEOUT)
    rows = await connection.fetch(_CHARGES, first_entry_id, last_entry_id, *of, limit)
    return [OldCharge(*row) for row in rows]

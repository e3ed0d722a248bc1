"""Who holds what since when, and which leases nobody keeps any more."""

from typing import Any, Final

import asyncpg

_SUSPECT: Final = "is_open AND heartbeat_at < now() - interval '30 seconds'"
_LIST: Final = f"""
SELECT lease_id, relay_id, subject, workspace_id, seq, granted_total, used_total, charged_total,
    CASE WHEN is_open THEN 'open' ELSE 'closed' END AS state, is_short, is_scarce, close_reason,
    {_SUSPECT} AS is_suspect,
    greatest(0, CASE WHEN is_open THEN granted_total ELSE used_total END - charged_total)
        AS held_units,
    floor(extract(epoch FROM opened_at))::bigint AS opened_at,
    floor(extract(epoch FROM coalesce(closed_at, now()) - opened_at))::bigint AS held_for_s,
    floor(extract(epoch FROM heartbeat_at))::bigint AS heartbeat_at,
    floor(extract(epoch FROM closed_at))::bigint AS closed_at
FROM leases
WHERE lease_id > $1 AND ($2::bigint IS NULL OR workspace_id = $2)
    AND ($3::text IS NULL OR subject = $3) AND (is_open OR $4)
ORDER BY lease_id LIMIT $5
"""
_ABANDONED: Final = """
(SELECT lease_id FROM leases
 WHERE is_open AND heartbeat_at < now() - interval '24 hours' LIMIT $1)
UNION ALL
(SELECT lease_id FROM leases
 WHERE NOT is_open AND used_total > charged_total AND closed_at < now() - interval '24 hours'
 LIMIT $1)
"""
# What is closed and charged holds nothing; it is kept a while to answer messages that come late.
_PRUNE: Final = """
DELETE FROM leases WHERE lease_id IN (
    SELECT lease_id FROM leases
    WHERE NOT is_open AND used_total <= charged_total AND closed_at < now() - interval '30 days'
    LIMIT $1 FOR UPDATE SKIP LOCKED)
"""
_FIGURES: Final = f"""
SELECT count(*) AS open, count(*) FILTER (WHERE {_SUSPECT}) AS suspect,
    (SELECT coalesce(sum(held_units), 0)::float8 FROM accounts WHERE held_units > 0) AS held
FROM leases WHERE is_open
"""


async def list_leases(
    pool: asyncpg.Pool,
    *,
    after: str,
    workspace_id: int | None,
    subject: str | None,
    with_closed: bool,
    limit: int,
) -> list[dict[str, Any]]:
    """Leases in order of id, those behind `after`."""
    rows = await pool.fetch(_LIST, after, workspace_id, subject, with_closed, limit)
    return [dict(row) for row in rows]


async def abandoned_leases(pool: asyncpg.Pool, limit: int) -> list[str]:
    """Leases without a heartbeat for a day, and closed ones whose charges have not come in one."""
    return [row["lease_id"] for row in await pool.fetch(_ABANDONED, limit)]


async def prune_leases(pool: asyncpg.Pool, limit: int) -> None:
    """Delete leases that ended 30 days ago and hold nothing."""
    await pool.execute(_PRUNE, limit)


async def lease_figures(pool: asyncpg.Pool) -> asyncpg.Record:
    """`open` and `suspect` leases, and what is `held` of balances in all.

    What keys hold is of the same quota once more, and not in it.
    """
    row = await pool.fetchrow(_FIGURES)
    assert row is not None  # noqa: S101 - an aggregate answers one row
    return row

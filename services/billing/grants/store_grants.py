"""Grants that end: what is left of them. Each is touched under its account's lock."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import asyncpg

from services.billing.grants.consuming import Lot
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO grants (workspace_id, entry_id, granted_units, remaining_units, expires_at)
VALUES ($1, $2, $3, $4, $5)
"""
_OPEN: Final = """
SELECT workspace_id, grant_id, remaining_units, expires_at FROM grants
WHERE workspace_id = ANY($1::bigint[]) AND remaining_units > 0
ORDER BY grant_id FOR UPDATE
"""
_SET: Final = """
UPDATE grants AS known SET remaining_units = changed.units
FROM unnest($1::bigint[], $2::bigint[]) AS changed (id, units) WHERE known.grant_id = changed.id
"""
# A lot that has ended gets nothing back: that stays in the balance.
_RETURN: Final = """
UPDATE grants SET remaining_units = least(granted_units, greatest(0, remaining_units + $2))
WHERE grant_id = $1 AND expires_at > now()
"""
_ENDED: Final = """
SELECT DISTINCT workspace_id FROM grants
WHERE workspace_id > $1 AND remaining_units > 0 AND expires_at <= now()
ORDER BY workspace_id LIMIT $2
"""
_LOCK_ENDED: Final = """
SELECT grant_id, remaining_units, expiries FROM grants
WHERE workspace_id = $1 AND remaining_units > 0 AND expires_at <= now()
ORDER BY expires_at, grant_id FOR UPDATE
"""
_EXPIRE: Final = """
UPDATE grants SET remaining_units = $2, expiries = expiries + $3 WHERE grant_id = $1
"""
_END_OF: Final = "SELECT expires_at FROM grants WHERE entry_id = $1"
_LIST: Final = """
SELECT grant_id, workspace_id, entry_id, granted_units, remaining_units,
    floor(extract(epoch FROM expires_at))::bigint AS expires_at,
    floor(extract(epoch FROM created_at))::bigint AS created_at, expires_at <= now() AS is_expired
FROM grants WHERE workspace_id = $1 AND grant_id < $2 ORDER BY grant_id DESC LIMIT $3
"""


async def add_lot(
    connection: Connection,
    *,
    workspace_id: int,
    entry_id: int,
    granted_units: int,
    remaining_units: int,
    expires_at: datetime,
) -> None:
    """Keep a grant that ends."""
    await connection.execute(
        _INSERT, workspace_id, entry_id, granted_units, remaining_units, expires_at
    )


async def lock_lots(connection: Connection, workspace_ids: Collection[int]) -> dict[int, list[Lot]]:
    """The lots of which something is left, by workspace. Most have none."""
    lots: dict[int, list[Lot]] = {}
    for row in await connection.fetch(_OPEN, list(workspace_ids)):
        lots.setdefault(row["workspace_id"], []).append(
            Lot(row["grant_id"], row["remaining_units"], row["expires_at"])
        )
    return lots


async def set_remaining(connection: Connection, remaining: Mapping[int, int]) -> None:
    """What is left of locked lots, by grant."""
    await connection.execute(_SET, list(remaining), list(remaining.values()))


async def return_to_lot(connection: Connection, grant_id: int, units: int) -> None:
    """Give back to a grant that has not ended; below zero: take again."""
    await connection.execute(_RETURN, grant_id, units)


async def workspaces_with_ended(pool: asyncpg.Pool, *, after: int, limit: int) -> list[int]:
    """Some of those that have a lot to expire, in order of id, behind `after`."""
    return [row["workspace_id"] for row in await pool.fetch(_ENDED, after, limit)]


async def lock_ended(connection: Connection, workspace_id: int) -> list[tuple[int, int, int]]:
    """Grant, what is left, and how often something of it was taken; the earliest end first."""
    return [tuple(row) for row in await connection.fetch(_LOCK_ENDED, workspace_id)]


async def expire_lot(
    connection: Connection, grant_id: int, *, left_units: int, has_entry: bool
) -> None:
    """Note what an expiry left of a lot."""
    await connection.execute(_EXPIRE, grant_id, left_units, int(has_entry))


async def end_of_grant(connection: Connection, entry_id: int) -> datetime | None:
    """When the grant of an entry ends; None: it does not."""
    end: datetime | None = await connection.fetchval(_END_OF, entry_id)
    return end


async def list_lots(
    pool: asyncpg.Pool, workspace_id: int, *, before: int, limit: int
) -> list[dict[str, Any]]:
    """A workspace's grants that end or have ended, the newest first."""
    return [dict(row) for row in await pool.fetch(_LIST, workspace_id, before, limit)]

"""SQL of what control knows of money: a projection of billing.ledger, for showing only."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from services.control.balances.projecting import BalanceChange, KeyUseChange
from services.control.database import Reader
from shared.postgres.retrying import Connection

_READ: Final = """
SELECT workspace_id, quota_units, used_units, request_count, as_of
FROM balances WHERE workspace_id = ANY($1::bigint[])
"""
_LOCK_APPLIED: Final = """
SELECT workspace_id, last_entry_id FROM balances WHERE workspace_id = ANY($1::bigint[])
ORDER BY workspace_id FOR UPDATE
"""
_ADD_BALANCES: Final = """
INSERT INTO balances AS known
    (workspace_id, quota_units, used_units, request_count, last_entry_id, as_of)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                     $6::timestamptz[])
ON CONFLICT (workspace_id) DO UPDATE
SET quota_units = excluded.quota_units,
    used_units = known.used_units + excluded.used_units,
    request_count = known.request_count + excluded.request_count,
    last_entry_id = excluded.last_entry_id,
    as_of = greatest(known.as_of, excluded.as_of)
"""
_ADD_KEY_USE: Final = """
INSERT INTO key_use AS known
    (key_id, used_units, request_count, remain_units, quota_version, last_used_at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                     $6::timestamptz[])
ON CONFLICT (key_id) DO UPDATE
SET used_units = known.used_units + excluded.used_units,
    request_count = known.request_count + excluded.request_count,
    remain_units = excluded.remain_units,
    quota_version = excluded.quota_version,
    last_used_at = greatest(known.last_used_at, excluded.last_used_at)
"""


class WorkspaceBalance(NamedTuple):
    """What a workspace has and has used, as of the newest ledger entry that has arrived."""

    quota_units: int = 0
    """What it may still spend; 500,000 is $1."""
    used_units: int = 0
    request_count: int = 0
    as_of: datetime | None = None
    """When the newest entry was posted; None: there is none yet."""


async def read_balance(connection: Reader, workspace_id: int) -> WorkspaceBalance:
    """One workspace's; all 0 where the ledger has told nothing of it."""
    return (await read_balances(connection, [workspace_id])).get(workspace_id, WorkspaceBalance())


async def read_balances(
    connection: Reader, workspace_ids: Collection[int]
) -> dict[int, WorkspaceBalance]:
    """By workspace; those of which the ledger has told nothing are left out."""
    rows = await connection.fetch(_READ, list(workspace_ids))
    return {
        row["workspace_id"]: WorkspaceBalance(
            row["quota_units"], row["used_units"], row["request_count"], row["as_of"]
        )
        for row in rows
    }


async def lock_applied(connection: Connection, workspace_ids: Collection[int]) -> dict[int, int]:
    """The newest applied entry of each workspace that has one, locked in order of id."""
    rows = await connection.fetch(_LOCK_APPLIED, sorted(workspace_ids))
    return {row["workspace_id"]: row["last_entry_id"] for row in rows}


async def add_balances(connection: Connection, changes: Sequence[BalanceChange]) -> None:
    """Take in what a batch changed; the workspaces are locked."""
    if changes:
        await connection.execute(_ADD_BALANCES, *map(list, zip(*changes, strict=True)))


async def add_key_use(connection: Connection, changes: Sequence[KeyUseChange]) -> None:
    """Take in what a batch changed; their workspaces are locked."""
    if changes:
        await connection.execute(_ADD_KEY_USE, *map(list, zip(*changes, strict=True)))

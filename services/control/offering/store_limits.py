"""SQL of a workspace's own limits (the table `rate_limits`), and who may set them."""

from typing import Any, Final

import asyncpg

from services.control.database import Reader
from shared.postgres.retrying import Connection

_COLUMNS: Final = (
    "name",
    "description",
    "path_pattern",
    "method",
    "requests",
    "timeout_ms",
    "strategy",
    "bucket_size",
    "refill_rate",
    "slope",
    "priority",
    "is_active",
)
_INSERT: Final = f"""
INSERT INTO rate_limits (workspace_id, {", ".join(_COLUMNS)})
VALUES ($1, {", ".join(f"${number}" for number in range(2, len(_COLUMNS) + 2))}) RETURNING *
"""
_UPDATE: Final = f"""
UPDATE rate_limits
SET {", ".join(f"{name} = ${number}" for number, name in enumerate(_COLUMNS, start=2))},
    updated_at = now()
WHERE id = $1 RETURNING *
"""
_DELETE: Final = "UPDATE rate_limits SET deleted_at = now(), updated_at = now() WHERE id = $1"
_READ: Final = """
SELECT * FROM rate_limits WHERE id = $1 AND workspace_id = $2 AND deleted_at IS NULL
"""
_LIST: Final = """
SELECT * FROM rate_limits WHERE workspace_id = $1 AND deleted_at IS NULL
ORDER BY priority DESC, id LIMIT $2 OFFSET $3
"""
_COUNT: Final = """
SELECT count(*) FROM rate_limits WHERE workspace_id = $1 AND deleted_at IS NULL
"""
_MEMBER_ROLE: Final = """
SELECT m.role FROM workspaces AS w
LEFT JOIN workspace_members AS m ON m.workspace_id = w.id AND m.user_id = $2
WHERE w.id = $1
"""
_LOCK_WORKSPACE: Final = "SELECT id FROM workspaces WHERE id = $1 FOR UPDATE"


async def read_member_role(
    connection: Reader, workspace_id: int, user_id: int
) -> tuple[bool, str | None]:
    """Whether there is the workspace, and the user's role in it; None: not a member."""
    row = await connection.fetchrow(_MEMBER_ROLE, workspace_id, user_id)
    return (False, None) if row is None else (True, row["role"])


async def count_limits(connection: Connection, workspace_id: int) -> int:
    """How many there are; no other can be added before the transaction's end."""
    await connection.execute(_LOCK_WORKSPACE, workspace_id)
    return int(await connection.fetchval(_COUNT, workspace_id))


async def insert_limit(
    connection: Connection, workspace_id: int, limit: dict[str, Any]
) -> asyncpg.Record:
    """A limit; answers its row."""
    row = await connection.fetchrow(_INSERT, workspace_id, *_values(limit))
    assert row is not None  # noqa: S101 - an insert that returns has a row
    return row


async def read_limit(
    connection: Reader, workspace_id: int, limit_id: int, *, lock: bool = False
) -> asyncpg.Record | None:
    """A limit of this workspace, locked where it is to be changed."""
    query = f"{_READ} FOR UPDATE" if lock else _READ
    return await connection.fetchrow(query, limit_id, workspace_id)


async def update_limit(
    connection: Connection, limit_id: int, limit: dict[str, Any]
) -> asyncpg.Record:
    """Set all that can change; answers the row as it is now."""
    row = await connection.fetchrow(_UPDATE, limit_id, *_values(limit))
    assert row is not None  # noqa: S101 - the caller has locked the row
    return row


async def delete_limit(connection: Connection, limit_id: int) -> None:
    """Mark as deleted."""
    await connection.execute(_DELETE, limit_id)


async def list_limits(
    connection: Reader, workspace_id: int, *, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """Those of a workspace, the highest priority first, and how many there are."""
    rows = await connection.fetch(_LIST, workspace_id, limit, offset)
    return rows, int(await connection.fetchval(_COUNT, workspace_id))


def public_limit(row: Any) -> dict[str, Any]:
    """A limit as answers show one: the source's columns."""
    rates = {
        name: None if row[name] is None else float(row[name]) for name in ("refill_rate", "slope")
    }
    return {
        "id": row["id"],
        "workspace_id": row["workspace_id"],
        **{name: row[name] for name in _COLUMNS},
        **rates,
        "created_at": int(row["created_at"].timestamp()),
        "updated_at": int(row["updated_at"].timestamp()),
    }


def _values(limit: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(limit[name] for name in _COLUMNS)

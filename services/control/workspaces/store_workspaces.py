"""SQL of workspaces, and of who belongs to them."""

from typing import Any, Final

import asyncpg
import orjson

from services.control.database import Reader
from services.control.workspaces.workspace_settings import settings_of
from shared.postgres.retrying import Connection

_OWN: Final = """
SELECT w.*, m.role FROM workspaces AS w JOIN workspace_members AS m ON m.workspace_id = w.id
WHERE m.user_id = $1
"""
# The caller's role in it is empty where it is not a member.
_ANY: Final = """
SELECT w.*, coalesce(m.role, '') AS role
FROM workspaces AS w LEFT JOIN workspace_members AS m ON m.workspace_id = w.id AND m.user_id = $2
WHERE w.id = $1
"""
_UPDATE: Final = """
UPDATE workspaces SET name = $2, settings = $3, updated_at = now() WHERE id = $1
"""
_COUNT: Final = "SELECT count(*) FROM workspace_members WHERE user_id = $1"


async def list_own_workspaces(
    connection: Reader, *, user_id: int, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """The workspaces that a user belongs to, the newest first, and how many there are."""
    rows = await connection.fetch(
        f"{_OWN} ORDER BY w.id DESC LIMIT $2 OFFSET $3", user_id, limit, offset
    )
    return rows, await connection.fetchval(_COUNT, user_id)


async def read_own_workspace(
    connection: Reader, workspace_id: int, *, user_id: int
) -> asyncpg.Record | None:
    """A workspace that the user belongs to, with the user's role in it."""
    return await connection.fetchrow(f"{_OWN} AND w.id = $2", user_id, workspace_id)


async def lock_workspace(
    connection: Connection, workspace_id: int, *, user_id: int
) -> asyncpg.Record | None:
    """A workspace to be changed, whoever's, with the user's role in it."""
    return await connection.fetchrow(f"{_ANY} FOR UPDATE OF w", workspace_id, user_id)


async def update_workspace(
    connection: Connection, workspace_id: int, *, user_id: int, name: str, settings: dict[str, Any]
) -> asyncpg.Record:
    """Set all that can change of a locked workspace; answers it as `lock_workspace` does."""
    await connection.execute(_UPDATE, workspace_id, name, orjson.dumps(settings).decode())
    row = await connection.fetchrow(_ANY, workspace_id, user_id)
    if row is None:
        raise RuntimeError("workspaces are never deleted")
    return row


def public_workspace(row: Any) -> dict[str, Any]:
    """A workspace as its members see it."""
    return {
        "id": row["id"],
        "name": row["name"],
        "slug": row["slug"],
        "owner_user_id": row["owner_user_id"],
        "role": row["role"],
        "settings": settings_of(row),
        "created_at": int(row["created_at"].timestamp()),
        "updated_at": int(row["updated_at"].timestamp()),
    }

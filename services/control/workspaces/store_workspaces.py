"""SQL of workspaces, and of who belongs to them."""

from typing import Any, Final

import asyncpg

from services.control.database import Reader

_OWN: Final = """
SELECT w.*, m.role FROM workspaces AS w JOIN workspace_members AS m ON m.workspace_id = w.id
WHERE m.user_id = $1
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


def public_workspace(row: Any) -> dict[str, Any]:
    """A workspace as its members see it."""
    return {
        "id": row["id"],
        "name": row["name"],
        "slug": row["slug"],
        "owner_user_id": row["owner_user_id"],
        "role": row["role"],
        "created_at": int(row["created_at"].timestamp()),
        "updated_at": int(row["updated_at"].timestamp()),
    }

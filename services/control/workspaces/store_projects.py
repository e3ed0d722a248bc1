"""SQL of projects."""

from typing import Any, Final

import asyncpg
import orjson

from services.control.database import Reader
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO projects (workspace_id, name, description, color, settings)
VALUES ($1, $2, $3, $4, $5)
RETURNING *
"""
_UPDATE: Final = """
UPDATE projects SET name = $2, description = $3, color = $4, settings = $5, updated_at = now()
WHERE id = $1 RETURNING *
"""
_DELETE: Final = "UPDATE projects SET deleted_at = now(), updated_at = now() WHERE id = $1"
_ALIVE: Final = "SELECT * FROM projects WHERE deleted_at IS NULL"


class ProjectNameTakenError(Exception):
    """Another project of the workspace has the name."""


async def workspace_exists(connection: Reader, workspace_id: int) -> bool:
    """Whether a project can be made in it."""
    query = "SELECT EXISTS (SELECT 1 FROM workspaces WHERE id = $1)"
    return bool(await connection.fetchval(query, workspace_id))


async def insert_project(
    connection: Connection, workspace_id: int, project: dict[str, Any]
) -> asyncpg.Record:
    """A project; answers its row. Raises ProjectNameTakenError, and ends the transaction."""
    return await _written(connection, _INSERT, workspace_id, project)


async def update_project(
    connection: Connection, project_id: int, project: dict[str, Any]
) -> asyncpg.Record:
    """Set all that can change; answers the row. Raises ProjectNameTakenError, as above."""
    return await _written(connection, _UPDATE, project_id, project)


async def read_project(
    connection: Reader, project_id: int, *, workspace_id: int | None, lock: bool = False
) -> asyncpg.Record | None:
    """A project that is there; of this workspace, or of any where that is None."""
    query = f"{_ALIVE} AND id = $1 AND ($2::bigint IS NULL OR workspace_id = $2)"
    return await connection.fetchrow(
        f"{query} FOR UPDATE" if lock else query, project_id, workspace_id
    )


async def mark_project_deleted(connection: Connection, project_id: int) -> None:
    """The row stays: keys and log rows go on naming it."""
    await connection.execute(_DELETE, project_id)


async def list_projects(
    connection: Reader, *, workspace_id: int, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """The newest projects of a workspace first, and how many there are."""
    query = f"{_ALIVE} AND workspace_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3"
    rows = await connection.fetch(query, workspace_id, limit, offset)
    count = "SELECT count(*) FROM projects WHERE deleted_at IS NULL AND workspace_id = $1"
    return rows, await connection.fetchval(count, workspace_id)


def public_project(row: Any) -> dict[str, Any]:
    """A project as answers show one."""
    return {
        "id": row["id"],
        "workspace_id": row["workspace_id"],
        "name": row["name"],
        "description": row["description"],
        "color": row["color"],
        "settings": orjson.loads(row["settings"]),
        "created_at": int(row["created_at"].timestamp()),
        "updated_at": int(row["updated_at"].timestamp()),
    }


async def _written(
    connection: Connection, query: str, row_id: int, project: dict[str, Any]
) -> asyncpg.Record:
    settings = project["settings"]
    try:
        row = await connection.fetchrow(
            query,
            *(row_id, project["name"], project["description"], project["color"]),
            settings if isinstance(settings, str) else orjson.dumps(settings).decode(),
        )
    except asyncpg.UniqueViolationError:
        raise ProjectNameTakenError from None
    assert row is not None  # noqa: S101 - it was inserted, or the caller has locked it
    return row

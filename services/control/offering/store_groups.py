"""SQL of groups."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from services.control.database import Reader
from shared.events.limits import RequestLimits
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

_MAX_NAMED: Final = 10
# Locked against deletion, so that what is about to name a group cannot name one that is gone.
_KNOWN: Final = """
SELECT name FROM groups WHERE name = ANY($1::text[]) AND deleted_at IS NULL FOR KEY SHARE
"""
_SELECTABLE: Final = """
SELECT name FROM groups
WHERE name = $1 AND is_selectable AND status = 1 AND deleted_at IS NULL FOR KEY SHARE
"""
_LIST_SELECTABLE: Final = """
SELECT name, description FROM groups
WHERE (is_selectable AND status = 1 OR name = $1) AND deleted_at IS NULL ORDER BY name
"""
# A name that was deleted may be used again.
_INSERT: Final = """
INSERT INTO groups (name, description, status, is_selectable, limits, member_limits)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (name) DO UPDATE
SET description = excluded.description, status = excluded.status,
    is_selectable = excluded.is_selectable, limits = excluded.limits,
    member_limits = excluded.member_limits,
    created_at = now(), updated_at = now(), deleted_at = NULL
WHERE groups.deleted_at IS NOT NULL
RETURNING name
"""
_UPDATE: Final = """
UPDATE groups SET description = $2, status = $3, is_selectable = $4, limits = $5,
                  member_limits = $6, updated_at = now()
WHERE name = $1
"""
_DELETE: Final = "UPDATE groups SET deleted_at = now(), updated_at = now() WHERE name = $1"
_USES: Final = """
SELECT EXISTS (SELECT FROM users WHERE "group" = $1 AND deleted_at IS NULL) AS users,
       EXISTS (SELECT FROM tokens WHERE "group" = $1 AND deleted_at IS NULL) AS keys,
       EXISTS (SELECT FROM models WHERE $1 = ANY(groups) AND deleted_at IS NULL) AS models,
       EXISTS (SELECT FROM channels WHERE $1 = ANY(groups) AND deleted_at IS NULL) AS channels
"""
_LIST: Final = """
SELECT * FROM groups WHERE deleted_at IS NULL ORDER BY name LIMIT $1 OFFSET $2
"""


async def require_groups(connection: Connection, names: Sequence[str]) -> None:
    """Raises EnvelopeError that names the groups which do not exist.

    Those that do cannot be deleted before the transaction's end.
    """
    known = {row["name"] for row in await connection.fetch(_KNOWN, list(names))}
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        more = "" if len(unknown) <= _MAX_NAMED else f" and {len(unknown) - _MAX_NAMED} more"
        raise EnvelopeError(f"unknown groups: {', '.join(unknown[:_MAX_NAMED])}{more}")


async def is_selectable(connection: Connection, name: str) -> bool:
    """Whether a key of any user may choose it."""
    return await connection.fetchval(_SELECTABLE, name) is not None


async def list_selectable(connection: Reader, own_group: str) -> list[asyncpg.Record]:
    """The groups that a key of a user of `own_group` may have, with their descriptions."""
    return await connection.fetch(_LIST_SELECTABLE, own_group)


async def insert_group(connection: Connection, name: str, group: dict[str, Any]) -> bool:
    """A group; False where there is one of this name."""
    return await connection.fetchval(_INSERT, name, *_values(group)) is not None


async def read_group(connection: Reader, name: str, *, lock: bool = False) -> asyncpg.Record | None:
    """A group, locked where it is to be changed or deleted."""
    query = "SELECT * FROM groups WHERE name = $1 AND deleted_at IS NULL"
    return await connection.fetchrow(f"{query} FOR UPDATE" if lock else query, name)


async def update_group(connection: Connection, name: str, group: dict[str, Any]) -> None:
    """Set all that can change."""
    await connection.execute(_UPDATE, name, *_values(group))


async def delete_group(connection: Connection, name: str) -> None:
    """Mark as deleted."""
    await connection.execute(_DELETE, name)


async def uses_of_group(connection: Connection, name: str) -> list[str]:
    """What kinds of rows name the group; it is locked, so that no more can come."""
    row = await connection.fetchrow(_USES, name)
    assert row is not None  # noqa: S101 - four EXISTS are one row
    return [kind for kind, is_used in row.items() if is_used]


async def list_group_names(connection: Reader) -> list[str]:
    """All names."""
    rows = await connection.fetch("SELECT name FROM groups WHERE deleted_at IS NULL ORDER BY name")
    return [row["name"] for row in rows]


async def list_groups(
    connection: Reader, *, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """By name, and how many there are."""
    rows = await connection.fetch(_LIST, limit, offset)
    total = await connection.fetchval("SELECT count(*) FROM groups WHERE deleted_at IS NULL")
    return rows, total


def public_group(row: Any) -> dict[str, Any]:
    """A group as answers show one."""
    return {
        "name": row["name"],
        "description": row["description"],
        "status": row["status"],
        "is_selectable": row["is_selectable"],
        "limits": RequestLimits.model_validate_json(row["limits"]).model_dump(mode="json"),
        "member_limits": RequestLimits.model_validate_json(row["member_limits"]).model_dump(
            mode="json"
        ),
        "created_at": int(row["created_at"].timestamp()),
        "updated_at": int(row["updated_at"].timestamp()),
    }


def _values(group: dict[str, Any]) -> tuple[Any, ...]:
    return (
        group["description"],
        int(group["status"]),
        group["is_selectable"],
        group["limits"],
        group["member_limits"],
    )

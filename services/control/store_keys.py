"""SQL of API keys (the table `tokens`)."""

from typing import Any, Final

import asyncpg

from services.control.database import Reader
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO tokens (user_id, workspace_id, key_hash, key_prefix, name, status, expired_time,
                    "group", model_limits_enabled, model_limits, allow_ips)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
RETURNING *
"""
_UPDATE: Final = """
UPDATE tokens SET name = $2, status = $3, expired_time = $4, "group" = $5,
                  model_limits_enabled = $6, model_limits = $7, allow_ips = $8
WHERE id = $1 RETURNING *
"""
_OWN: Final = "SELECT * FROM tokens WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL"
_LIST: Final = """
SELECT * FROM tokens WHERE user_id = $1 AND deleted_at IS NULL
ORDER BY id DESC LIMIT $2 OFFSET $3
"""
_COUNT: Final = "SELECT count(*) FROM tokens WHERE user_id = $1 AND deleted_at IS NULL"
_DELETE: Final = "UPDATE tokens SET deleted_at = now() WHERE id = $1"
_BY_HASH: Final = """
SELECT id, user_id, workspace_id FROM tokens WHERE key_hash = $1 AND deleted_at IS NULL
"""

_TERMS: Final = """
SELECT name, expired_time, model_limits_enabled, model_limits FROM tokens
WHERE id = $1 AND deleted_at IS NULL
"""


async def insert_key(
    connection: Connection,
    *,
    user_id: int,
    workspace_id: int,
    key_hash: bytes,
    key_prefix: str,
    key: dict[str, Any],
) -> asyncpg.Record:
    """A key; answers its row."""
    owner = (user_id, workspace_id, key_hash, key_prefix)
    row = await connection.fetchrow(_INSERT, *owner, *_values(key))
    assert row is not None  # noqa: S101 - an insert that returns has a row
    return row


async def read_own_key(
    connection: Reader, key_id: int, *, user_id: int, lock: bool = False
) -> asyncpg.Record | None:
    """A key of this user's; None where it is another's, or none."""
    query = f"{_OWN} FOR UPDATE" if lock else _OWN
    return await connection.fetchrow(query, key_id, user_id)


async def update_key(connection: Connection, key_id: int, key: dict[str, Any]) -> asyncpg.Record:
    """Set all that can change; answers the row as it is now."""
    row = await connection.fetchrow(_UPDATE, key_id, *_values(key))
    assert row is not None  # noqa: S101 - the caller has locked the row
    return row


async def delete_key(connection: Connection, key_id: int) -> None:
    """Mark as deleted."""
    await connection.execute(_DELETE, key_id)


async def list_own_keys(
    connection: Reader, *, user_id: int, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """The newest keys of a user first, and how many there are."""
    rows = await connection.fetch(_LIST, user_id, limit, offset)
    return rows, await connection.fetchval(_COUNT, user_id)


async def find_key(connection: Reader, key_hash: bytes) -> asyncpg.Record | None:
    """Whose the key with this hash is; None where it was deleted."""
    return await connection.fetchrow(_BY_HASH, key_hash)


async def read_key_terms(connection: Reader, key_id: int) -> asyncpg.Record | None:
    """What tools are told of a key beside its figures; None where it was deleted."""
    return await connection.fetchrow(_TERMS, key_id)


def _values(key: dict[str, Any]) -> tuple[Any, ...]:
    return (
        key["name"],
        int(key["status"]),
        key["expired_time"],
        key["group"],
        key["model_limits_enabled"],
        key["model_limits"],
        key["allow_ips"],
    )

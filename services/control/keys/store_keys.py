"""SQL of API keys (the table `tokens`); their secrets are in `store_secrets`.

A key is read with its present prefix, its owner's role, and what the ledger has told of its use.
"""

from typing import Any, Final

import asyncpg

from services.control.database import Reader
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO tokens (user_id, workspace_id, name, status, expired_time, "group",
                    model_limits_enabled, model_limits, allow_ips, project_id, cross_group_retry,
                    limits, unlimited_quota, remain_quota, quota_version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
RETURNING id
"""
_UPDATE: Final = """
UPDATE tokens SET name = $2, status = $3, expired_time = $4, "group" = $5,
                  model_limits_enabled = $6, model_limits = $7, allow_ips = $8, project_id = $9,
                  cross_group_retry = $10, limits = $11, unlimited_quota = $12,
                  remain_quota = $13, quota_version = $14
WHERE id = $1
"""
_SELECT: Final = """
SELECT t.*, s.key_prefix, o.role AS owner_role, o."group" AS owner_group,
       u.used_units, u.request_count, u.last_used_at,
       u.remain_units AS ledger_remain_units, u.quota_version AS ledger_quota_version,
       (SELECT max(f.valid_until) FROM token_secrets AS f
        WHERE f.key_id = t.id AND f.valid_until > now()) AS former_valid_until
FROM tokens AS t
JOIN users AS o ON o.id = t.user_id
JOIN token_secrets AS s ON s.key_id = t.id AND s.valid_until IS NULL
LEFT JOIN key_use AS u ON u.key_id = t.id
"""
_BY_ID: Final = f"{_SELECT} WHERE t.id = $1 AND t.deleted_at IS NULL"
# No filter where it is empty; a whole key is found by any of its secrets that are still valid.
_OWN: Final = """
WHERE t.user_id = $1 AND t.deleted_at IS NULL
  AND ($2 = '' OR position(lower($2) IN lower(t.name)) > 0)
  AND ($3 = '' OR s.key_prefix = $3)
  AND ($4::bytea IS NULL OR EXISTS (
      SELECT FROM token_secrets AS f WHERE f.key_hash = $4 AND f.key_id = t.id
         AND (f.valid_until IS NULL OR f.valid_until > now())))
"""
_LIST: Final = f"{_SELECT} {_OWN} ORDER BY t.id DESC LIMIT $5 OFFSET $6"
_COUNT: Final = f"""
SELECT count(*) FROM tokens AS t
JOIN token_secrets AS s ON s.key_id = t.id AND s.valid_until IS NULL {_OWN}
"""
_DELETE: Final = "UPDATE tokens SET deleted_at = now() WHERE id = $1"
_HAS_PROJECT: Final = """
SELECT id FROM projects WHERE id = $1 AND workspace_id = $2 AND deleted_at IS NULL FOR KEY SHARE
"""

_TERMS: Final = """
SELECT name, expired_time, model_limits_enabled, model_limits FROM tokens
WHERE id = $1 AND deleted_at IS NULL
"""


async def insert_key(
    connection: Connection, *, user_id: int, workspace_id: int, key: dict[str, Any]
) -> int:
    """A key, still without a secret; answers its id."""
    return int(await connection.fetchval(_INSERT, user_id, workspace_id, *_values(key)))


async def read_key(connection: Reader, key_id: int, *, lock: bool = False) -> asyncpg.Record | None:
    """A key, whosever it is; locked where it is to be changed."""
    return await connection.fetchrow(f"{_BY_ID} FOR UPDATE OF t" if lock else _BY_ID, key_id)


async def update_key(connection: Connection, key_id: int, key: dict[str, Any]) -> None:
    """Set all that can change."""
    await connection.execute(_UPDATE, key_id, *_values(key))


async def delete_key(connection: Connection, key_id: int) -> None:
    """Mark as deleted."""
    await connection.execute(_DELETE, key_id)


async def has_project(connection: Connection, workspace_id: int, project_id: int) -> bool:
    """Whether the workspace has this project; it then stays until the transaction's end."""
    return await connection.fetchval(_HAS_PROJECT, project_id, workspace_id) is not None


async def list_own_keys(
    connection: Reader,
    *,
    user_id: int,
    limit: int,
    offset: int,
    name: str = "",
    key_prefix: str = "",
    key_hash: bytes | None = None,
) -> tuple[list[asyncpg.Record], int]:
    """The newest keys of a user first, and how many there are; of those that fit what is given."""
    wanted = (user_id, name, key_prefix, key_hash)
    rows = await connection.fetch(_LIST, *wanted, limit, offset)
    return rows, await connection.fetchval(_COUNT, *wanted)


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
        key["project_id"],
        key["cross_group_retry"],
        key["limits"],
        key["unlimited_quota"],
        key["remain_quota"],
        key["quota_version"],
    )

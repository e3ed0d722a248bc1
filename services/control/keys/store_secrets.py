"""SQL of the secrets of API keys: the present one, and former ones in their period of grace."""

from datetime import timedelta
from typing import Final

import asyncpg

from services.control.database import Reader
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO token_secrets (key_hash, key_id, key_prefix) VALUES ($1, $2, $3)
"""
_END_FORMER: Final = """
UPDATE token_secrets SET valid_until = now() WHERE key_id = $1 AND valid_until > now()
RETURNING key_hash
"""
_END_PRESENT: Final = """
UPDATE token_secrets SET valid_until = now() + $2::interval
WHERE key_id = $1 AND valid_until IS NULL
RETURNING key_hash
"""
_VALID: Final = """
SELECT key_hash FROM token_secrets
WHERE key_id = ANY($1::bigint[]) AND (valid_until IS NULL OR valid_until > now())
"""
_OWNER: Final = """
SELECT t.id, t.user_id, t.workspace_id
FROM token_secrets AS s JOIN tokens AS t ON t.id = s.key_id
WHERE s.key_hash = $1 AND t.deleted_at IS NULL
"""


async def insert_secret(
    connection: Connection, *, key_id: int, key_hash: bytes, key_prefix: str
) -> None:
    """The present secret of a key; it must have no other."""
    await connection.execute(_INSERT, key_hash, key_id, key_prefix)


async def end_secrets(connection: Connection, key_id: int, *, grace: timedelta) -> list[bytes]:
    """End the present secret after `grace`, and former ones now; answers all their hashes."""
    former = await connection.fetch(_END_FORMER, key_id)
    present = await connection.fetch(_END_PRESENT, key_id, grace)
    return [row["key_hash"] for row in (*former, *present)]


async def valid_hashes(connection: Reader, *key_ids: int) -> list[bytes]:
    """Of the secrets with which these keys may be used now."""
    return [row["key_hash"] for row in await connection.fetch(_VALID, key_ids)]


async def find_key(connection: Reader, key_hash: bytes) -> asyncpg.Record | None:
    """Whose the key with this secret is; None where it was deleted."""
    return await connection.fetchrow(_OWNER, key_hash)

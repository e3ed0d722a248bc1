"""SQL of deleting a user, and what goes with one."""

from typing import Final

from shared.events.routing import Status
from shared.postgres.retrying import Connection

_DELETE_KEYS: Final = """
UPDATE tokens SET deleted_at = now()
WHERE id IN (
    SELECT id FROM tokens WHERE user_id = $1 AND deleted_at IS NULL ORDER BY id FOR UPDATE
)
RETURNING id
"""
_DELETE_USER: Final = """
UPDATE users SET status = $2, access_token_hash = NULL, deleted_at = now(), updated_at = now()
WHERE id = $1
"""


async def delete_keys_of(connection: Connection, user_id: int) -> list[int]:
    """Mark all keys of a user as deleted; answers their ids."""
    return [row["id"] for row in await connection.fetch(_DELETE_KEYS, user_id)]


async def mark_user_deleted(connection: Connection, user_id: int) -> None:
    """Disabled as well, so that whoever knows no deletions refuses all the same."""
    await connection.execute(_DELETE_USER, user_id, int(Status.DISABLED))

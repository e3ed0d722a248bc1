"""SQL of sessions, and of the secrets that say who calls."""

from datetime import datetime, timedelta
from typing import Final

import asyncpg

from services.control.database import Reader
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO sessions (user_id, token_hash, expires_at) VALUES ($1, $2, now() + $3::interval)
RETURNING id, expires_at
"""
# Who holds a secret. Each answers the same columns, so that one rule can judge all three.
_OWNER: Final = "u.id AS user_id, u.username, u.role, u.status AS user_status"
_BY_SESSION: Final = f"""
SELECT {_OWNER}, u.personal_workspace_id AS workspace_id,
       s.id AS session_id, s.last_active_at, s.expires_at, s.revoked_at
FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.token_hash = $1
"""
_BY_ACCESS_TOKEN: Final = f"""
SELECT {_OWNER}, u.personal_workspace_id AS workspace_id
FROM users AS u WHERE u.access_token_hash = $1
"""
_BY_KEY: Final = f"""
SELECT {_OWNER}, t.workspace_id, t.id AS key_id, t.status AS key_status
FROM tokens AS t JOIN users AS u ON u.id = t.user_id
WHERE t.key_hash = $1 AND t.deleted_at IS NULL
"""
# At most once a minute: a write for each call would be one too many.
_TOUCH: Final = """
UPDATE sessions SET last_active_at = $2::timestamptz
WHERE id = $1 AND last_active_at < $2::timestamptz - interval '1 minute'
"""
_REVOKE: Final = "UPDATE sessions SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL"
_REVOKE_ALL: Final = """
UPDATE sessions SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL
"""
_DELETE_ENDED: Final = "DELETE FROM sessions WHERE expires_at < now()"


async def insert_session(
    connection: Connection, *, user_id: int, token_hash: bytes, lifetime: timedelta
) -> asyncpg.Record:
    """A new session; answers its id and expires_at."""
    row = await connection.fetchrow(_INSERT, user_id, token_hash, lifetime)
    assert row is not None  # noqa: S101 - an insert that returns has a row
    return row


async def find_session(connection: Reader, token_hash: bytes) -> asyncpg.Record | None:
    """The session and its user, whether or not it still holds."""
    return await connection.fetchrow(_BY_SESSION, token_hash)


async def find_access_token(connection: Reader, token_hash: bytes) -> asyncpg.Record | None:
    """The user who has this access token."""
    return await connection.fetchrow(_BY_ACCESS_TOKEN, token_hash)


async def find_key_owner(connection: Reader, key_hash: bytes) -> asyncpg.Record | None:
    """The key, not deleted, and the user who made it."""
    return await connection.fetchrow(_BY_KEY, key_hash)


async def touch_session(connection: Reader, session_id: int, now: datetime) -> None:
    """The session was used."""
    await connection.execute(_TOUCH, session_id, now)


async def revoke_session(connection: Reader, session_id: int) -> None:
    """End one session. Repeatable."""
    await connection.execute(_REVOKE, session_id)


async def revoke_sessions_of(connection: Reader, user_id: int) -> None:
    """End all sessions of a user. Repeatable."""
    await connection.execute(_REVOKE_ALL, user_id)


async def delete_ended_sessions(connection: Reader) -> None:
    """Forget sessions that cannot be used any more."""
    await connection.execute(_DELETE_ENDED)

"""SQL of refresh tokens. What decides is read from the session's row, which is locked first."""

from datetime import datetime
from typing import Final

import asyncpg

from services.control.secrets_made import hash_secret
from services.control.sessions.session_tokens import SessionTokens
from shared.postgres.retrying import Connection

# A join would show the tokens' rows as they were before the wait for the lock.
_SESSION_OF: Final = "SELECT session_id FROM refresh_tokens WHERE token_hash = $1"
_LOCK: Final = """
SELECT s.id, s.user_id, s.refresh_token_hash, s.refreshed_at, s.token_expires_at, s.expires_at,
       s.revoked_at, u.status AS user_status, u.username, u.role,
       u.personal_workspace_id AS workspace_id
FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = $1 FOR UPDATE OF s
"""
_ROTATE: Final = """
UPDATE sessions SET token_hash = $2, refresh_token_hash = $3, refreshed_at = $4::timestamptz,
                    last_active_at = $4::timestamptz, token_expires_at = $5, ip_address = $6
WHERE id = $1
"""
_KEEP: Final = "INSERT INTO refresh_tokens (token_hash, session_id) VALUES ($1, $2)"


async def lock_session_of(connection: Connection, token_hash: bytes) -> asyncpg.Record | None:
    """The session that a refresh token was ever given to, locked, with its user."""
    session_id = await connection.fetchval(_SESSION_OF, token_hash)
    return None if session_id is None else await connection.fetchrow(_LOCK, session_id)


async def keep_refresh_token(connection: Connection, session_id: int, token_hash: bytes) -> None:
    """The session has been given this token."""
    await connection.execute(_KEEP, token_hash, session_id)


async def rotate_session(
    connection: Connection,
    session_id: int,
    tokens: SessionTokens,
    *,
    now: datetime,
    token_expires_at: datetime,
    ip_address: str,
) -> None:
    """Put new tokens in place of the session's present ones."""
    session_hash, refresh_hash = hash_secret(tokens.session), hash_secret(tokens.refresh)
    await connection.execute(
        _ROTATE, session_id, session_hash, refresh_hash, now, token_expires_at, ip_address
    )
    await keep_refresh_token(connection, session_id, refresh_hash)

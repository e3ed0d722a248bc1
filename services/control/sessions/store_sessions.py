"""SQL of sessions, and of the secrets that say who calls."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import asyncpg

from services.control.client import Client
from services.control.database import Reader
from services.control.secrets_made import hash_secret
from services.control.sessions.device import device_info
from services.control.sessions.session_tokens import SessionTokens
from services.control.sessions.store_refresh import keep_refresh_token
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO sessions (user_id, token_hash, refresh_token_hash, token_expires_at, expires_at,
                      refreshed_at, last_active_at, user_agent, ip_address, device_info)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)
RETURNING id
"""
# Who holds a secret. Each answers the same columns, so that one rule can judge all three.
_OWNER: Final = "u.id AS user_id, u.username, u.role, u.status AS user_status"
_BY_SESSION: Final = f"""
SELECT {_OWNER}, u.personal_workspace_id AS workspace_id,
       s.id AS session_id, s.token_expires_at, s.expires_at, s.revoked_at
FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.token_hash = $1
"""
_BY_ACCESS_TOKEN: Final = f"""
SELECT {_OWNER}, u.personal_workspace_id AS workspace_id
FROM users AS u WHERE u.access_token_hash = $1
"""
_BY_KEY: Final = f"""
SELECT {_OWNER}, t.workspace_id, t.id AS key_id, t.status AS key_status, t.allow_ips
FROM token_secrets AS s
JOIN tokens AS t ON t.id = s.key_id
JOIN users AS u ON u.id = t.user_id
WHERE s.key_hash = $1 AND t.deleted_at IS NULL
  AND (s.valid_until IS NULL OR s.valid_until > now())
"""
# At most once a minute: a write for each call would be one too many.
_TOUCH: Final = """
UPDATE sessions SET last_active_at = $2::timestamptz
WHERE id = $1 AND last_active_at < $2::timestamptz - interval '1 minute'
"""
_REVOKE: Final = """
UPDATE sessions SET revoked_at = now(), revoked_reason = $2 WHERE id = $1 AND revoked_at IS NULL
"""
# In order of the id, so that two that end a user's sessions never wait for each other in a ring.
_REVOKE_ALL: Final = """
UPDATE sessions SET revoked_at = now(), revoked_reason = $2
WHERE id IN (
    SELECT id FROM sessions
    WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $3::bigint
    ORDER BY id FOR UPDATE
)
RETURNING id
"""
_LIST: Final = """
SELECT * FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
ORDER BY id DESC LIMIT $3 OFFSET $4
"""
_COUNT: Final = """
SELECT count(*) FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
"""
_REVOKE_OWN: Final = """
UPDATE sessions SET revoked_at = now(), revoked_reason = $3
WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL RETURNING id
"""
_DELETE_ENDED: Final = "DELETE FROM sessions WHERE expires_at < now()"


class RevokedFor(StrEnum):
    """Why a session ended before its time."""

    LOGOUT = "logout"
    LOGOUT_EVERYWHERE = "logout_everywhere"
    REVOKED_BY_USER = "revoked_by_user"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - a reason, not a secret
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, not a secret
    USER_DISABLED = "user_disabled"
    USER_DELETED = "user_deleted"


async def insert_session(
    connection: Connection,
    *,
    user_id: int,
    tokens: SessionTokens,
    client: Client,
    now: datetime,
    token_expires_at: datetime,
    expires_at: datetime,
) -> int:
    """A new session; answers its id."""
    refresh_hash = hash_secret(tokens.refresh)
    session_id: int = await connection.fetchval(
        _INSERT,
        *(user_id, hash_secret(tokens.session), refresh_hash, token_expires_at, expires_at, now),
        *(client.user_agent, client.address, device_info(client.user_agent)),
    )
    await keep_refresh_token(connection, session_id, refresh_hash)
    return session_id


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


async def revoke_session(connection: Reader, session_id: int, reason: RevokedFor) -> None:
    """End one session. Repeatable."""
    await connection.execute(_REVOKE, session_id, reason)


async def revoke_own_session(
    connection: Connection, session_id: int, *, user_id: int, reason: RevokedFor
) -> bool:
    """End a session of this user's; False where there is none that still holds."""
    return await connection.fetchval(_REVOKE_OWN, session_id, user_id, reason) is not None


async def revoke_sessions_of(
    connection: Reader, user_id: int, reason: RevokedFor, *, keeping: int | None = None
) -> int:
    """End all sessions of a user but one; answers how many that were. Repeatable."""
    return len(await connection.fetch(_REVOKE_ALL, user_id, reason, keeping))


async def list_sessions(
    connection: Reader, *, user_id: int, now: datetime, limit: int, offset: int
) -> tuple[Sequence[asyncpg.Record], int]:
    """The newest of those that hold, and how many there are."""
    rows = await connection.fetch(_LIST, user_id, now, limit, offset)
    return rows, await connection.fetchval(_COUNT, user_id, now)


async def delete_ended_sessions(connection: Reader) -> None:
    """Forget sessions that cannot be used any more."""
    await connection.execute(_DELETE_ENDED)


def public_session(row: Any, *, current: int | None) -> dict[str, Any]:
    """A session as its user sees it: without its tokens."""
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "is_current": row["id"] == current,
        "user_agent": row["user_agent"],
        "ip_address": row["ip_address"],
        "device_info": row["device_info"],
        "location": row["location"],
        "token_expiry": int(row["token_expires_at"].timestamp()),
        "expires_at": int(row["expires_at"].timestamp()),
        "last_active_at": int(row["last_active_at"].timestamp()),
        "revoked_at": None,
        "revoked_reason": None,
        "created_at": int(row["created_at"].timestamp()),
    }

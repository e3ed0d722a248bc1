"""SQL of users, their personal workspaces, and sessions' owners."""

import unicodedata
from typing import Any, Final

import asyncpg

from services.control.database import Reader
from shared.events.directory import Role
from shared.events.routing import Status
from shared.postgres.retrying import Connection

_COLUMNS: Final = (
    'id, username, display_name, role, status, email, "group", personal_workspace_id, created_at,'
    " last_login_at"
)
_NEXT_IDS: Final = """
SELECT nextval(pg_get_serial_sequence('users', 'id')) AS user_id,
       nextval(pg_get_serial_sequence('workspaces', 'id')) AS workspace_id
"""
_INSERT_USER: Final = """
INSERT INTO users (id, username, username_folded, password, display_name, role, "group",
                   personal_workspace_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_INSERT_WORKSPACE: Final = """
INSERT INTO workspaces (id, name, slug, owner_user_id) VALUES ($1, $2, $3, $4)
"""
_INSERT_OWNER: Final = """
INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'OWNER')
"""
_UPDATE: Final = """
UPDATE users SET display_name = $2, role = $3, status = $4, "group" = $5 WHERE id = $1
"""


class UsernameTakenError(Exception):
    """Another user has the name, in whatever case."""


class RootExistsError(Exception):
    """There is a root user already, and there is never a second one."""


def fold_username(username: str) -> str:
    """What must be unique: names that look alike but for their case are one name."""
    return unicodedata.normalize("NFKC", username).casefold()


async def insert_user(
    connection: Connection,
    *,
    username: str,
    password_hash: str,
    display_name: str,
    role: Role,
    group: str,
) -> tuple[int, int]:
    """A user and the personal workspace; answers both ids.

    Raises UsernameTakenError or RootExistsError; the transaction is then of no more use.
    """
    ids = await connection.fetchrow(_NEXT_IDS)
    assert ids is not None  # noqa: S101 - two sequences answer one row
    user_id, workspace_id = ids["user_id"], ids["workspace_id"]
    try:
        await connection.execute(
            _INSERT_USER,
            *(user_id, username, fold_username(username), password_hash, display_name),
            *(int(role), group, workspace_id),
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "users_one_root":
            raise RootExistsError from None
        raise UsernameTakenError from None
    slug = f"personal-{user_id}"
    await connection.execute(_INSERT_WORKSPACE, workspace_id, username, slug, user_id)
    await connection.execute(_INSERT_OWNER, workspace_id, user_id)
    return user_id, workspace_id


async def read_user(connection: Reader, user_id: int) -> asyncpg.Record | None:
    """A user without the secrets."""
    return await connection.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1", user_id)


async def lock_user(connection: Connection, user_id: int) -> asyncpg.Record | None:
    """A user without the secrets, locked for a change."""
    query = f"SELECT {_COLUMNS} FROM users WHERE id = $1 FOR UPDATE"
    return await connection.fetchrow(query, user_id)


async def find_login(connection: Reader, username: str) -> asyncpg.Record | None:
    """A user by name, with the password's hash."""
    query = f"SELECT {_COLUMNS}, password FROM users WHERE username_folded = $1"
    return await connection.fetchrow(query, fold_username(username))


async def list_users(
    connection: Reader, *, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """The newest users first, and how many there are."""
    query = f"SELECT {_COLUMNS} FROM users ORDER BY id DESC LIMIT $1 OFFSET $2"
    rows = await connection.fetch(query, limit, offset)
    return rows, await connection.fetchval("SELECT count(*) FROM users")


async def update_user(
    connection: Connection,
    user_id: int,
    *,
    display_name: str,
    role: Role,
    status: Status,
    group: str,
) -> None:
    """Set what an admin may change."""
    await connection.execute(_UPDATE, user_id, display_name, int(role), int(status), group)


async def set_access_token(connection: Connection, user_id: int, token_hash: bytes) -> None:
    """Replace the user's access token."""
    query = "UPDATE users SET access_token_hash = $2 WHERE id = $1"
    await connection.execute(query, user_id, token_hash)


async def set_last_login(connection: Connection, user_id: int) -> None:
    """The user has just logged in."""
    await connection.execute("UPDATE users SET last_login_at = now() WHERE id = $1", user_id)


async def has_root(connection: Reader) -> bool:
    """Whether the first user is there."""
    query = "SELECT EXISTS (SELECT 1 FROM users WHERE role = $1)"
    return bool(await connection.fetchval(query, int(Role.ROOT)))


def public_user(row: Any) -> dict[str, Any]:
    """A user as answers show one."""
    last_login_at = row["last_login_at"]
    return {
        "id": row["id"],
        "username": row["username"],
        "display_name": row["display_name"],
        "role": row["role"],
        "status": row["status"],
        "email": row["email"] or "",
        "group": row["group"],
        "workspace_id": row["personal_workspace_id"],
        "created_at": int(row["created_at"].timestamp()),
        "last_login_at": int(last_login_at.timestamp()) if last_login_at else 0,
    }

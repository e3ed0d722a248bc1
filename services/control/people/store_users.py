"""SQL of users and their personal workspaces."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from services.control.database import Reader
from shared.events.directory import Role
from shared.events.numbers import MAX_ID
from shared.postgres.retrying import Connection

_ID_DIGITS: Final = 19
_COLUMNS: Final = (
    "u.id, u.username, u.display_name, u.role, u.status, u.email, u.email_verified,"
    " u.email_verify_expiry, u.password_reset_expiry, u.github_id, u.discord_id, u.oidc_id,"
    " u.wechat_id, u.telegram_id, u.linux_do_id, u.oauth_provider, u.oauth_provider_id,"
    ' u.mfa_enabled, u."group", u.personal_workspace_id, u.aff_code, u.aff_count, u.aff_quota,'
    " u.aff_history, u.inviter_id, u.setting, u.preferences, u.remark, u.stripe_customer,"
    " u.avatar_url, u.timezone, u.created_at, u.updated_at, u.last_login_at, u.last_login_ip,"
    " u.deleted_at"
)
"""All but the secrets."""
_VIEW: Final = f"""
SELECT {_COLUMNS}, coalesce(f.failed_attempts, 0) AS failed_login_attempts, f.locked_until
FROM users AS u
LEFT JOIN login_failures AS f
    ON f.subject = sha256(convert_to('name:' || u.username_folded, 'UTF8'))
WHERE u.deleted_at IS NULL
"""
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
_SETTABLE: Final = {
    "display_name": "display_name",
    "email": "email",
    "email_verified": "email_verified",
    "role": "role",
    "status": "status",
    "group": '"group"',
    "remark": "remark",
    "setting": "setting",
    "preferences": "preferences",
    "avatar_url": "avatar_url",
    "timezone": "timezone",
    "password": "password",
    "access_token_hash": "access_token_hash",
    "deleted_at": "deleted_at",
}
"""The columns that can change, by what they are called."""
# Every condition is there or not by its parameter being null.
_FILTER: Final = """
AND ($1::text IS NULL OR strpos(u.username_folded, $1) > 0 OR strpos(lower(u.email), $1) > 0
     OR strpos(lower(u.display_name), $1) > 0 OR u.id = $2::bigint)
AND ($3::text IS NULL OR u.username_folded = $3)
AND ($4::text IS NULL OR u."group" = $4)
AND ($5::smallint IS NULL OR u.status = $5)
AND ($6::smallint IS NULL OR u.role = $6)
"""


class UsernameTakenError(Exception):
    """Another user has the name, in whatever case."""


class RootExistsError(Exception):
    """There is a root user already, and there is never a second one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """Which users a list shows; what is None does not narrow it."""

    keyword: str | None = None
    """Part of the name, the e-mail address or the display name; or the id."""
    username: str | None = None
    group: str | None = None
    status: int | None = None
    role: int | None = None

    def arguments(self) -> tuple[Any, ...]:
        """In the order of the query's parameters."""
        keyword, username = self.keyword, self.username
        is_id = keyword is not None and keyword.isascii() and keyword.isdigit()
        number = int(keyword) if keyword is not None and is_id and len(keyword) <= _ID_DIGITS else 0
        return (
            None if keyword is None else fold_username(keyword),
            number if number <= MAX_ID else 0,
            None if username is None else fold_username(username),
            *(self.group, self.status, self.role),
        )


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
    """A user without the secrets, and how the guesses at the password stand."""
    return await connection.fetchrow(f"{_VIEW} AND u.id = $1", user_id)


async def lock_user(connection: Connection, user_id: int) -> asyncpg.Record | None:
    """A user without the secrets, locked for a change."""
    query = f"SELECT {_COLUMNS} FROM users AS u WHERE u.id = $1 AND u.deleted_at IS NULL FOR UPDATE"
    return await connection.fetchrow(query, user_id)


async def find_login(connection: Reader, username: str) -> asyncpg.Record | None:
    """A user by name, with the password's hash."""
    query = f"""
    SELECT {_COLUMNS}, u.password FROM users AS u
    WHERE u.username_folded = $1 AND u.deleted_at IS NULL
    """
    return await connection.fetchrow(query, fold_username(username))


async def lock_login(connection: Connection, user_id: int) -> asyncpg.Record | None:
    """What decides whether a login holds, locked."""
    query = """
    SELECT id, username, password, status FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE
    """
    return await connection.fetchrow(query, user_id)


async def list_users(
    connection: Reader, wanted: UserFilter, *, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """The newest users first, and how many there are."""
    query = f"{_VIEW} {_FILTER} ORDER BY u.id DESC LIMIT $7 OFFSET $8"
    rows = await connection.fetch(query, *wanted.arguments(), limit, offset)
    count = f"SELECT count(*) FROM users AS u WHERE u.deleted_at IS NULL {_FILTER}"
    return rows, await connection.fetchval(count, *wanted.arguments())


async def update_user(connection: Connection, user_id: int, changes: Mapping[str, Any]) -> None:
    """Set columns of one user. Raises KeyError for one that does not change."""
    columns = ", ".join(f"{_SETTABLE[name]} = ${n}" for n, name in enumerate(changes, start=2))
    query = f"UPDATE users SET {columns}, updated_at = now() WHERE id = $1"
    await connection.execute(query, user_id, *changes.values())


async def set_last_login(connection: Connection, user_id: int, *, ip_address: str) -> None:
    """The user has just logged in."""
    query = "UPDATE users SET last_login_at = now(), last_login_ip = $2 WHERE id = $1"
    await connection.execute(query, user_id, ip_address)


async def has_root(connection: Reader) -> bool:
    """Whether the first user is there."""
    query = "SELECT EXISTS (SELECT 1 FROM users WHERE role = $1)"
    return bool(await connection.fetchval(query, int(Role.ROOT)))

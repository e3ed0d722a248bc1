"""What admins do to users. Each function is one change, within the caller's transaction."""

from typing import Any, Final

import asyncpg

from services.control.audit import CHANGED, Actor, record_action
from services.control.errors import not_found
from services.control.keys.store_secrets import valid_hashes
from services.control.offering.store_groups import require_groups
from services.control.people.people import NOT_ALLOWED
from services.control.people.roles import may_change, may_make
from services.control.people.store_removals import delete_keys_of, mark_user_deleted
from services.control.people.store_users import fold_username, lock_user, update_user
from services.control.sessions.lockout import subject_of_name
from services.control.sessions.store_attempts import forget_failures
from services.control.sessions.store_sessions import RevokedFor, revoke_sessions_of
from services.control.state.state import announce
from services.control.state.state_keys import DIRECTORY, KEYS, hashed_key, listed_key, user_key
from shared.events.directory import Role
from shared.events.routing import Status
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

_OWN: Final = frozenset({"role", "status", "password"})
_NOT_ONESELF: Final = (
    "nobody sets the own role or status; the own password is changed by PUT /api/user/self"
)


async def change_user(
    connection: Connection, actor: Actor, user_id: int, changes: dict[str, Any]
) -> None:
    """Set some of display_name, email, role, status, group, remark and password (its hash).

    A user who is disabled loses all sessions. With a new password go the sessions, the access
    token, and what was counted of wrong passwords.
    """
    row = await _lock(connection, actor, user_id)
    if actor.user_id == user_id and changes.keys() & _OWN:
        raise EnvelopeError(_NOT_ONESELF, http_status=403)
    role = Role(changes.get("role", row["role"]))
    if role != row["role"] and not may_make(actor.role, role):
        raise EnvelopeError(NOT_ALLOWED, http_status=403)
    if "group" in changes:
        await require_groups(connection, [changes["group"]])
    columns = dict(changes)
    if "email" in changes and changes["email"] != row["email"]:
        columns["email_verified"] = False
    if "password" in changes:
        columns["access_token_hash"] = None
        await revoke_sessions_of(connection, user_id, RevokedFor.PASSWORD_CHANGED)
        await forget_failures(connection, subject_of_name(fold_username(row["username"])))
    if changes.get("status") == Status.DISABLED:
        await revoke_sessions_of(connection, user_id, RevokedFor.USER_DISABLED)
    await update_user(connection, user_id, columns)
    await announce(connection, DIRECTORY, [user_key(user_id)])
    told = {name: CHANGED if name == "password" else value for name, value in changes.items()}
    await record_action(connection, actor, "user.update", resource_id=user_id, changes=told)


async def unlock_user(connection: Connection, actor: Actor, user_id: int) -> None:
    """Forget the wrong passwords, so that the user may try at once. Repeatable."""
    row = await _lock(connection, actor, user_id)
    await forget_failures(connection, subject_of_name(fold_username(row["username"])))
    await record_action(connection, actor, "user.unlock", resource_id=user_id)


async def delete_user(connection: Connection, actor: Actor, user_id: int) -> None:
    """For good: no login, no session, no key. The row and the username stay."""
    row = await _lock(connection, actor, user_id)
    if actor.user_id == user_id:
        raise EnvelopeError("nobody deletes oneself", http_status=403)
    await revoke_sessions_of(connection, user_id, RevokedFor.USER_DELETED)
    keys = await delete_keys_of(connection, user_id)
    await mark_user_deleted(connection, user_id)
    hashes = await valid_hashes(connection, *keys)
    await announce(connection, KEYS, [hashed_key(key_hash) for key_hash in hashes])
    listed = [listed_key(key_id) for key_id in keys]
    await announce(connection, DIRECTORY, [user_key(user_id), *listed])
    changes = {"username": row["username"], "keys": len(keys)}
    await record_action(connection, actor, "user.delete", resource_id=user_id, changes=changes)


async def _lock(connection: Connection, actor: Actor, user_id: int) -> asyncpg.Record:
    row = await lock_user(connection, user_id)
    if row is None:
        raise not_found("user")
    if not may_change(actor.role, Role(row["role"])):
        raise EnvelopeError(NOT_ALLOWED, http_status=403)
    return row

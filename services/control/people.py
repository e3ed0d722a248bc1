"""Making and changing users. Each function is one change, within the caller's transaction."""

from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from services.control.audit import CHANGED, Actor, record_action
from services.control.errors import not_found
from services.control.roles import may_change, may_make
from services.control.secrets_made import hash_secret, new_access_token
from services.control.state import announce
from services.control.state_keys import DIRECTORY, user_key, workspace_key
from services.control.store_models import require_groups
from services.control.store_sessions import revoke_sessions_of
from services.control.store_users import (
    UsernameTakenError,
    insert_user,
    lock_user,
    set_access_token,
    update_user,
)
from shared.events.directory import Role
from shared.events.routing import Status
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

DEFAULT_GROUP: Final = "default"
_NOT_ALLOWED: Final = "your role does not allow this"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """What a user begins with; the password is hashed already."""

    username: str
    password_hash: str
    display_name: str
    role: Role
    group: str


async def create_user(connection: Connection, actor: Actor, new: NewUser) -> int:
    """A user with a personal workspace; answers the user's id."""
    if not may_make(actor.role, new.role):
        raise EnvelopeError(_NOT_ALLOWED, http_status=403)
    await require_groups(connection, [new.group])
    user_id, _workspace_id = await _insert(connection, new)
    changes = {"username": new.username, "role": int(new.role), "group": new.group}
    await record_action(connection, actor, "user.create", resource_id=user_id, changes=changes)
    return user_id


async def create_root(connection: Connection, new: NewUser) -> int:
    """The first user, with the role ROOT; answers the id. Raises RootExistsError the next time."""
    user_id, workspace_id = await _insert(connection, new)
    actor = Actor(user_id=user_id, name=new.username, role=Role.ROOT, workspace_id=workspace_id)
    changes = {"username": new.username, "role": int(Role.ROOT)}
    await record_action(connection, actor, "user.create", resource_id=user_id, changes=changes)
    return user_id


async def change_user(
    connection: Connection, actor: Actor, user_id: int, changes: dict[str, Any]
) -> asyncpg.Record:
    """Set some of display_name, role, status and group; answers the row as it was before.

    A user who is disabled loses all sessions.
    """
    row = await lock_user(connection, user_id)
    if row is None:
        raise not_found("user")
    role = Role(changes.get("role", row["role"]))
    if not may_change(actor.role, Role(row["role"])) or not may_make(actor.role, role):
        raise EnvelopeError(_NOT_ALLOWED, http_status=403)
    group = changes.get("group", row["group"])
    await require_groups(connection, [group])
    status = Status(changes.get("status", row["status"]))
    await update_user(
        connection,
        user_id,
        display_name=changes.get("display_name", row["display_name"]),
        role=role,
        status=status,
        group=group,
    )
    if status is Status.DISABLED:
        await revoke_sessions_of(connection, user_id)
    await announce(connection, DIRECTORY, [user_key(user_id)])
    await record_action(connection, actor, "user.update", resource_id=user_id, changes=changes)
    return row


async def make_access_token(connection: Connection, actor: Actor) -> str:
    """A new access token in place of the old one. It is shown here and never again."""
    token = new_access_token()
    await set_access_token(connection, actor.user_id, hash_secret(token))
    await record_action(
        connection,
        actor,
        "user.access_token",
        resource_id=actor.user_id,
        changes={"access_token": CHANGED},
    )
    return token


async def _insert(connection: Connection, new: NewUser) -> tuple[int, int]:
    try:
        user_id, workspace_id = await insert_user(
            connection,
            username=new.username,
            password_hash=new.password_hash,
            display_name=new.display_name,
            role=new.role,
            group=new.group,
        )
    except UsernameTakenError:
        raise EnvelopeError("the username is taken") from None
    await announce(connection, DIRECTORY, [user_key(user_id), workspace_key(workspace_id)])
    return user_id, workspace_id

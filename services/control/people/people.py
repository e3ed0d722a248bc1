"""Making users. Each function is one change, within the caller's transaction."""

from dataclasses import dataclass
from typing import Final

from services.control.audit import Actor, record_action
from services.control.offering.store_groups import require_groups
from services.control.people.roles import may_make
from services.control.people.store_users import UsernameTakenError, insert_user, update_user
from services.control.state.state import announce
from services.control.state.state_keys import DIRECTORY, user_key, workspace_key
from shared.events.directory import Role
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

DEFAULT_GROUP: Final = "default"
NOT_ALLOWED: Final = "your role does not allow this"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """What a user begins with; the password is hashed already."""

    username: str
    password_hash: str
    display_name: str
    role: Role
    group: str
    email: str | None = None
    remark: str = ""


async def create_user(connection: Connection, actor: Actor, new: NewUser) -> int:
    """A user with a personal workspace; answers the user's id."""
    if not may_make(actor.role, new.role):
        raise EnvelopeError(NOT_ALLOWED, http_status=403)
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
    await update_user(connection, user_id, {"email": new.email, "remark": new.remark})
    await announce(connection, DIRECTORY, [user_key(user_id), workspace_key(workspace_id)])
    return user_id, workspace_id

"""Classes of users and keys. Each function is one change, within the caller's transaction."""

from typing import Any

from services.control.audit import Actor, record_action
from services.control.errors import not_found
from services.control.offering.store_groups import (
    delete_group,
    insert_group,
    read_group,
    update_group,
    uses_of_group,
)
from services.control.people.people import DEFAULT_GROUP
from services.control.state.state import announce
from services.control.state.state_keys import ROUTING, group_key
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection


async def add_group(connection: Connection, actor: Actor, name: str, group: dict[str, Any]) -> None:
    """A class of users or keys."""
    if not await insert_group(connection, name, group):
        raise EnvelopeError("there is a group of this name")
    await announce(connection, ROUTING, [group_key(name)])
    await record_action(connection, actor, "group.create", resource_id=name, changes=group)


async def change_group(
    connection: Connection, actor: Actor, name: str, changes: dict[str, Any]
) -> None:
    """Set what `changes` holds (column to value). Keys that chose the group keep it."""
    row = await read_group(connection, name, lock=True)
    if row is None:
        raise not_found("group")
    await update_group(connection, name, {**dict(row), **changes})
    await announce(connection, ROUTING, [group_key(name)])
    await record_action(connection, actor, "group.update", resource_id=name, changes=changes)


async def remove_group(connection: Connection, actor: Actor, name: str) -> None:
    """Delete a group that nothing names. The one that new users get stays."""
    if name == DEFAULT_GROUP:
        raise EnvelopeError("new users get this group: it cannot be deleted")
    if await read_group(connection, name, lock=True) is None:
        raise not_found("group")
    if uses := await uses_of_group(connection, name):
        raise EnvelopeError(f"the group is used by {', '.join(uses)}")
    await delete_group(connection, name)
    await announce(connection, ROUTING, [group_key(name)])
    await record_action(connection, actor, "group.delete", resource_id=name)

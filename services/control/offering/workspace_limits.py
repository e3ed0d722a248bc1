"""A workspace's own limits. Each function is one change, within the caller's transaction."""

from typing import Any, Final

import asyncpg

from services.control.audit import Actor, record_action
from services.control.database import Reader
from services.control.errors import not_found
from services.control.offering.store_limits import (
    count_limits,
    delete_limit,
    insert_limit,
    read_limit,
    read_member_role,
    update_limit,
)
from services.control.state.state import announce
from services.control.state.state_keys import ROUTING, limit_key
from shared.events.directory import Role
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

MAX_LIMITS: Final = 50
"""Of a workspace: a relay looks at all that fit a request."""
_OWNER: Final = "OWNER"


async def require_workspace(
    connection: Reader, actor: Actor, workspace_id: int, *, to_change: bool
) -> None:
    """Refuse who may not see, or change, the workspace's limits. Raises EnvelopeError.

    Members see them, owners change them, and admins of the site do both for any workspace.
    """
    exists, role = await read_member_role(connection, workspace_id, actor.user_id)
    is_admin = actor.role >= Role.ADMIN
    if not exists or (role is None and not is_admin):
        raise not_found("workspace")
    if to_change and not is_admin and role != _OWNER:
        raise EnvelopeError("only the workspace's owner may do this", http_status=403)


async def add_limit(
    connection: Connection, actor: Actor, workspace_id: int, limit: dict[str, Any]
) -> asyncpg.Record:
    """A rule for some of the workspace's calls; answers its row."""
    await require_workspace(connection, actor, workspace_id, to_change=True)
    if await count_limits(connection, workspace_id) >= MAX_LIMITS:
        raise EnvelopeError(f"a workspace may have {MAX_LIMITS} limits at the most")
    row = await insert_limit(connection, workspace_id, limit)
    await announce(connection, ROUTING, [limit_key(row["id"])])
    await record_action(connection, actor, "limit.create", resource_id=row["id"], changes=limit)
    return row


async def change_limit(
    connection: Connection, actor: Actor, workspace_id: int, limit_id: int, changes: dict[str, Any]
) -> asyncpg.Record:
    """Set what `changes` holds (column to value); answers the row as it is now."""
    row = await _to_change(connection, actor, workspace_id, limit_id)
    row = await update_limit(connection, limit_id, {**dict(row), **changes})
    await announce(connection, ROUTING, [limit_key(limit_id)])
    await record_action(connection, actor, "limit.update", resource_id=limit_id, changes=changes)
    return row


async def remove_limit(
    connection: Connection, actor: Actor, workspace_id: int, limit_id: int
) -> None:
    """Take a rule out."""
    await _to_change(connection, actor, workspace_id, limit_id)
    await delete_limit(connection, limit_id)
    await announce(connection, ROUTING, [limit_key(limit_id)])
    await record_action(connection, actor, "limit.delete", resource_id=limit_id)


async def _to_change(
    connection: Connection, actor: Actor, workspace_id: int, limit_id: int
) -> asyncpg.Record:
    await require_workspace(connection, actor, workspace_id, to_change=True)
    row = await read_limit(connection, workspace_id, limit_id, lock=True)
    if row is None:
        raise not_found("limit")
    return row

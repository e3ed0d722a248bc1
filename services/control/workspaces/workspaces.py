"""Changing a workspace: by its owner, by those who administer it, and by admins of the site."""

from typing import Any, Final

import asyncpg

from services.control.audit import Actor, record_action
from services.control.errors import not_found
from services.control.state.state import announce
from services.control.state.state_keys import DIRECTORY, workspace_key
from services.control.workspaces.store_workspaces import lock_workspace, update_workspace
from services.control.workspaces.workspace_settings import settings_of
from shared.events.directory import Role
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

_MAY_CHANGE: Final = frozenset({"OWNER", "ADMIN"})


async def change_workspace(
    connection: Connection, actor: Actor, workspace_id: int, changes: dict[str, Any]
) -> asyncpg.Record:
    """Set what `changes` holds, each setting by itself; answers the row. The caller commits.

    Raises EnvelopeError where there is none that the actor sees, and 403 where that is all.
    """
    row = await lock_workspace(connection, workspace_id, user_id=actor.user_id)
    is_admin = actor.role >= Role.ADMIN
    if row is None or not (row["role"] or is_admin):
        raise not_found("workspace")
    if not is_admin and row["role"] not in _MAY_CHANGE:
        raise EnvelopeError("only those who administer a workspace change it", http_status=403)
    row = await update_workspace(
        connection,
        workspace_id,
        user_id=actor.user_id,
        name=changes.get("name", row["name"]),
        settings=settings_of(row) | changes.get("settings", {}),
    )
    await announce(connection, DIRECTORY, [workspace_key(workspace_id)])
    told = {**changes, "workspace_id": workspace_id}
    await record_action(
        connection, actor, "workspace.update", resource_id=workspace_id, changes=told
    )
    return row

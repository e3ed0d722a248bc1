"""Projects: names under which a workspace's keys and costs are gathered.

Each function is one change, within the caller's transaction. Admins act on every workspace.
"""

from typing import Any

import asyncpg

from services.control.audit import Actor, record_action
from services.control.errors import not_found
from services.control.state.state import announce
from services.control.state.state_keys import DIRECTORY, project_key
from services.control.workspaces.store_projects import (
    ProjectNameTakenError,
    insert_project,
    mark_project_deleted,
    read_project,
    update_project,
    workspace_exists,
)
from shared.events.directory import Role
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection


def workspace_of(actor: Actor, asked: int | None) -> int:
    """The workspace that is meant. Raises EnvelopeError where it is not the actor's to see."""
    if asked is not None and asked != actor.workspace_id and actor.role < Role.ADMIN:
        raise not_found("workspace")
    return actor.workspace_id if asked is None else asked


def within(actor: Actor) -> int | None:
    """Where the actor's projects are: in one workspace, or, for admins, in any."""
    return None if actor.role >= Role.ADMIN else actor.workspace_id


async def create_project(
    connection: Connection, actor: Actor, workspace_id: int, project: dict[str, Any]
) -> asyncpg.Record:
    """A project; answers its row."""
    if not await workspace_exists(connection, workspace_id):
        raise not_found("workspace")
    try:
        row = await insert_project(connection, workspace_id, project)
    except ProjectNameTakenError:
        raise _name_taken() from None
    await _announce(connection, actor, row, "project.create", project)
    return row


async def change_project(
    connection: Connection, actor: Actor, project_id: int, changes: dict[str, Any]
) -> asyncpg.Record:
    """Set what `changes` holds; answers the row as it is now."""
    row = await _lock(connection, actor, project_id)
    try:
        row = await update_project(connection, project_id, {**dict(row), **changes})
    except ProjectNameTakenError:
        raise _name_taken() from None
    await _announce(connection, actor, row, "project.update", changes)
    return row


async def remove_project(connection: Connection, actor: Actor, project_id: int) -> None:
    """No new keys for it; those that it has go on, and their requests are still told as its."""
    row = await _lock(connection, actor, project_id)
    await mark_project_deleted(connection, project_id)
    await _announce(connection, actor, row, "project.delete", {"name": row["name"]})


async def _lock(connection: Connection, actor: Actor, project_id: int) -> asyncpg.Record:
    row = await read_project(connection, project_id, workspace_id=within(actor), lock=True)
    if row is None:
        raise not_found("project")
    return row


async def _announce(
    connection: Connection, actor: Actor, row: Any, action: str, changes: dict[str, Any]
) -> None:
    await announce(connection, DIRECTORY, [project_key(row["id"])])
    # On the row of whose project it is, also where an admin of another workspace acts.
    told = {**changes, "workspace_id": row["workspace_id"]}
    await record_action(connection, actor, action, resource_id=row["id"], changes=told)


def _name_taken() -> EnvelopeError:
    return EnvelopeError("the workspace has a project of this name")

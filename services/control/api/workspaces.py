"""`/api/workspace/*`: the workspaces that one belongs to."""

from functools import partial

import asyncpg
from aiohttp import web

from services.control.api.requests import Body, path_id, person
from services.control.errors import not_found
from services.control.fields import Named, RowId
from services.control.paging import Paging
from services.control.workspaces.store_workspaces import (
    list_own_workspaces,
    public_workspace,
    read_own_workspace,
)
from services.control.workspaces.workspace_settings import WorkspaceTimezone
from services.control.workspaces.workspaces import change_workspace
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction


class SettingChanges(Body):
    """What of a workspace's settings is to change."""

    timezone: WorkspaceTimezone | None = None


class WorkspaceChanges(Body):
    """What of a workspace is to change."""

    id: RowId | None = None
    name: Named | None = None
    settings: SettingChanges | None = None


class WorkspacesApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def list(self, request: web.Request) -> web.Response:
        """The caller's, a page."""
        actor = person(request)
        paging = read_query(request, Paging)
        rows, total = await list_own_workspaces(
            self._pool, user_id=actor.user_id, limit=paging.limit, offset=paging.offset
        )
        return succeed(paging.answer([public_workspace(row) for row in rows], total))

    async def read(self, request: web.Request) -> web.Response:
        """One of the caller's."""
        actor = person(request)
        row = await read_own_workspace(self._pool, path_id(request), user_id=actor.user_id)
        if row is None:
            raise not_found("workspace")
        return succeed(public_workspace(row))

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names."""
        actor = person(request)
        body = await read_body(request, WorkspaceChanges)
        changes = body.named("id", "settings")
        if body.settings is not None and (settings := body.settings.named()):
            changes["settings"] = settings
        if not changes:
            raise EnvelopeError("nothing to change")
        work = partial(
            change_workspace,
            actor=actor,
            workspace_id=path_id(request, or_body=body.id),
            changes=changes,
        )
        return succeed(public_workspace(await in_transaction(self._pool, work)))

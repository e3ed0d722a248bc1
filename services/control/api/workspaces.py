"""`/api/workspace/*`: the workspaces that one belongs to."""

import asyncpg
from aiohttp import web

from services.control.api.requests import path_id, person
from services.control.errors import not_found
from services.control.paging import Paging
from services.control.workspaces.store_workspaces import (
    list_own_workspaces,
    public_workspace,
    read_own_workspace,
)
from shared.http.envelope import read_query, succeed


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

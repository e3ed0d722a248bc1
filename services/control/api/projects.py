"""`/api/project/*`: the projects of one's workspace; for admins, of every one."""

from functools import partial

import asyncpg
from aiohttp import web
from pydantic import Field

from services.control.api.requests import Body, path_id, person
from services.control.errors import not_found
from services.control.fields import Named, RowId
from services.control.paging import Paging
from services.control.people.profile_fields import Color, JsonObject, Text
from services.control.workspaces.projects import (
    change_project,
    create_project,
    remove_project,
    within,
    workspace_of,
)
from services.control.workspaces.store_projects import list_projects, public_project, read_project
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction


class ProjectFilters(Paging):
    """Which projects."""

    workspace_id: RowId | None = None


class NewProject(Body):
    """What a new project has."""

    workspace_id: RowId | None = None
    name: Named
    description: Text = ""
    color: Color = ""
    settings: JsonObject = Field(default_factory=dict)


class ProjectChanges(Body):
    """What of a project is to change."""

    id: RowId | None = None
    name: Named | None = None
    description: Text | None = None
    color: Color | None = None
    settings: JsonObject | None = None


class ProjectsApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def list(self, request: web.Request) -> web.Response:
        """The projects of the caller's workspace, or of the one that an admin names; a page."""
        actor = person(request)
        wanted = read_query(request, ProjectFilters)
        rows, total = await list_projects(
            self._pool,
            workspace_id=workspace_of(actor, wanted.workspace_id),
            limit=wanted.limit,
            offset=wanted.offset,
        )
        return succeed(wanted.answer([public_project(row) for row in rows], total))

    async def read(self, request: web.Request) -> web.Response:
        """One project."""
        workspace_id = within(person(request))
        row = await read_project(self._pool, path_id(request), workspace_id=workspace_id)
        if row is None:
            raise not_found("project")
        return succeed(public_project(row))

    async def create(self, request: web.Request) -> web.Response:
        """A project."""
        actor = person(request)
        body = await read_body(request, NewProject)
        row = await in_transaction(
            self._pool,
            partial(
                create_project,
                actor=actor,
                workspace_id=workspace_of(actor, body.workspace_id),
                project=body.model_dump(exclude={"workspace_id"}),
            ),
        )
        return succeed(public_project(row))

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names."""
        actor = person(request)
        body = await read_body(request, ProjectChanges)
        project_id = path_id(request, or_body=body.id)
        changes = body.named("id")
        if not changes:
            raise EnvelopeError("nothing to change")
        row = await in_transaction(
            self._pool,
            partial(change_project, actor=actor, project_id=project_id, changes=changes),
        )
        return succeed(public_project(row))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a project; its keys go on."""
        actor = person(request)
        project_id = path_id(request)
        await in_transaction(
            self._pool, partial(remove_project, actor=actor, project_id=project_id)
        )
        return succeed()

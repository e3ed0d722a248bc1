"""`/api/group/*` for admins, and for everybody which groups a key may have."""

from functools import partial
from typing import Any, Final

import asyncpg
from aiohttp import web
from pydantic import BaseModel, ConfigDict

from services.control.api.limit_fields import NO_LIMITS, LimitsBody
from services.control.api.requests import Body, admin, path_name, person
from services.control.errors import not_found
from services.control.fields import Description, Named, SettableStatus
from services.control.offering.groups import add_group, change_group, remove_group
from services.control.offering.store_groups import (
    list_group_names,
    list_groups,
    list_selectable,
    public_group,
    read_group,
)
from services.control.paging import Paging
from services.control.people.store_users import read_user
from shared.events.routing import Status
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction

_LIMITS: Final = ("limits", "member_limits")


class _Group(Body):
    description: Description = ""
    status: SettableStatus = Status.ENABLED
    is_selectable: bool = False
    limits: LimitsBody | None = NO_LIMITS
    member_limits: LimitsBody | None = NO_LIMITS

    def columns(self, *, only_given: bool) -> dict[str, Any]:
        """The table's columns; a null means no limits."""
        columns = self.given("name") if only_given else self.model_dump(exclude={"name"})
        for name in _LIMITS:
            if name in columns:
                columns[name] = (getattr(self, name) or NO_LIMITS).as_json()
        return columns


class NewGroup(_Group):
    """What a new group has."""

    name: Named


class GroupChanges(_Group):
    """What of a group is to change."""

    name: Named | None = None


class GroupListQuery(BaseModel):
    """With `details` a page of groups, else the names."""

    model_config = ConfigDict(hide_input_in_errors=True)

    details: bool = False


class GroupsApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def list(self, request: web.Request) -> web.Response:
        """The names of all groups, as tools expect; with `?details=true` a page of all of them."""
        admin(request)
        if not read_query(request, GroupListQuery).details:
            return succeed(await list_group_names(self._pool))
        paging = read_query(request, Paging)
        rows, total = await list_groups(self._pool, limit=paging.limit, offset=paging.offset)
        return succeed(paging.answer([public_group(row) for row in rows], total))

    async def selectable(self, request: web.Request) -> web.Response:
        """The groups that the caller's keys may have, by name."""
        user = await read_user(self._pool, person(request).user_id)
        if user is None:
            raise not_found("user")
        rows = await list_selectable(self._pool, user["group"])
        return succeed({row["name"]: {"desc": row["description"]} for row in rows})

    async def read(self, request: web.Request) -> web.Response:
        """One group."""
        admin(request)
        return await self._answer(path_name(request))

    async def create(self, request: web.Request) -> web.Response:
        """A group."""
        actor = admin(request)
        body = await read_body(request, NewGroup)
        columns = body.columns(only_given=False)
        await in_transaction(
            self._pool, partial(add_group, actor=actor, name=body.name, group=columns)
        )
        return await self._answer(body.name)

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names; the group's name itself never changes."""
        actor = admin(request)
        body = await read_body(request, GroupChanges)
        name = path_name(request) if "name" in request.match_info else body.name
        if name is None:
            raise EnvelopeError("a name is needed")
        changes = body.columns(only_given=True)
        if not changes:
            raise EnvelopeError("nothing to change")
        await in_transaction(
            self._pool, partial(change_group, actor=actor, name=name, changes=changes)
        )
        return await self._answer(name)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a group that nothing uses."""
        actor = admin(request)
        name = path_name(request)
        await in_transaction(self._pool, partial(remove_group, actor=actor, name=name))
        return succeed()

    async def _answer(self, name: str) -> web.Response:
        row = await read_group(self._pool, name)
        if row is None:
            raise not_found("group")
        return succeed(public_group(row))

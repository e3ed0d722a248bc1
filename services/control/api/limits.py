"""`/api/workspace/limits/*`: a workspace's own limits (`rate_limits`)."""

from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Annotated

import asyncpg
from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from services.control.api.limit_fields import BucketSize, Requests
from services.control.api.requests import Body, path_id, person
from services.control.audit import Actor
from services.control.errors import not_found
from services.control.fields import Description, Named, RowId
from services.control.offering.store_limits import list_limits, public_limit, read_limit
from services.control.offering.workspace_limits import (
    add_limit,
    change_limit,
    remove_limit,
    require_workspace,
)
from services.control.paging import Paging
from shared.events.limits import RateLimitStrategy
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction

_Window = Annotated[int, Field(ge=1, le=24 * 60 * 60 * 1000)]
_Rate = Annotated[Decimal, Field(gt=0, le=1_000_000, max_digits=18, decimal_places=9)]
_Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
_PathPattern = Annotated[
    str, StringConstraints(max_length=128, pattern=r"^(\*|/[^\x00-\x20\x7f?#]*)$")
]


class _Methods(StrEnum):
    ANY = "*"
    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"


_Method = Annotated[
    _Methods, BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)
]


class _Limit(Body):
    """The fields of a limit that have a value when nobody names them."""

    description: Description = ""
    path_pattern: _PathPattern = "*"
    method: _Method = _Methods.ANY
    strategy: RateLimitStrategy = RateLimitStrategy.SLIDING_WINDOW
    bucket_size: BucketSize | None = None
    refill_rate: _Rate | None = None
    slope: _Rate | None = None
    priority: _Priority = 0
    is_active: bool = True


class NewLimit(_Limit):
    """What a new limit has."""

    name: Named
    requests: Requests
    timeout_ms: _Window


class LimitChanges(_Limit):
    """What of a limit is to change."""

    id: RowId | None = None
    name: Named = ""
    requests: Requests = 0
    timeout_ms: _Window = 1


class OfWorkspace(BaseModel):
    """Another workspace than the caller's own; for admins."""

    model_config = ConfigDict(hide_input_in_errors=True)

    workspace_id: RowId | None = None


class LimitsApi:
    """Handlers. `?workspace_id=` names another workspace than the caller's own."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def list(self, request: web.Request) -> web.Response:
        """The workspace's limits, a page."""
        workspace_id = await self._readable(request)
        paging = read_query(request, Paging)
        rows, total = await list_limits(
            self._pool, workspace_id, limit=paging.limit, offset=paging.offset
        )
        return succeed(paging.answer([public_limit(row) for row in rows], total))

    async def read(self, request: web.Request) -> web.Response:
        """One limit."""
        workspace_id = await self._readable(request)
        row = await read_limit(self._pool, workspace_id, path_id(request))
        if row is None:
            raise not_found("limit")
        return succeed(public_limit(row))

    async def create(self, request: web.Request) -> web.Response:
        """A limit."""
        actor = person(request)
        body = await read_body(request, NewLimit)
        row = await in_transaction(
            self._pool,
            partial(
                add_limit,
                actor=actor,
                workspace_id=_workspace(request, actor),
                limit=body.model_dump(),
            ),
        )
        return succeed(public_limit(row))

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names."""
        actor = person(request)
        body = await read_body(request, LimitChanges)
        changes = body.given("id")
        if not changes:
            raise EnvelopeError("nothing to change")
        row = await in_transaction(
            self._pool,
            partial(
                change_limit,
                actor=actor,
                workspace_id=_workspace(request, actor),
                limit_id=path_id(request, or_body=body.id),
                changes=changes,
            ),
        )
        return succeed(public_limit(row))

    async def delete(self, request: web.Request) -> web.Response:
        """Take a limit out."""
        actor = person(request)
        await in_transaction(
            self._pool,
            partial(
                remove_limit,
                actor=actor,
                workspace_id=_workspace(request, actor),
                limit_id=path_id(request),
            ),
        )
        return succeed()

    async def _readable(self, request: web.Request) -> int:
        actor = person(request)
        workspace_id = _workspace(request, actor)
        await require_workspace(self._pool, actor, workspace_id, to_change=False)
        return workspace_id


def _workspace(request: web.Request, actor: Actor) -> int:
    return read_query(request, OfWorkspace).workspace_id or actor.workspace_id

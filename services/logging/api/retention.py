"""`/api/log/retention`: how long rows are kept, and workspaces with a period of their own."""

from functools import partial
from typing import Annotated

import asyncpg
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from services.logging.api.failures import told_as
from services.logging.errors import NO_OWN_PERIOD, NO_SUCH_WORKSPACE, NOT_SHORTER, RETENTION_FAILED
from services.logging.listing.filters import PageQuery
from services.logging.retention import store_retention
from services.logging.retention.periods import MAX_DAYS, Periods, is_shorter
from shared.audit.actions import Actor
from shared.events.numbers import MAX_ID
from shared.http.callers import admin_of
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction


class WorkspacePeriod(BaseModel):
    """For how long a workspace's rows are kept."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore")

    logs_days: Annotated[int, Field(ge=1, le=MAX_DAYS, strict=True)]
    """Whole days before the running one; fewer than the site's."""


class RetentionApi:
    """Handlers, for admins."""

    def __init__(self, pool: asyncpg.Pool, periods: Periods) -> None:
        self._pool = pool
        self._periods = periods

    async def list(self, request: web.Request) -> web.Response:
        """The site's periods, and a page of the workspaces that have their own."""
        admin_of(request)
        page = read_query(request, PageQuery).page()
        with told_as(RETENTION_FAILED):
            async with self._pool.acquire() as connection:
                items, total = await store_retention.page(
                    connection, limit=page.size, offset=page.offset
                )
        return succeed(
            {
                "site": self._periods._asdict(),
                "items": items,
                "total": total,
                "page": page.number,
                "page_size": page.size,
            }
        )

    async def read(self, request: web.Request) -> web.Response:
        """One workspace's own period."""
        admin_of(request)
        workspace_id = _workspace_id(request)
        with told_as(RETENTION_FAILED):
            async with self._pool.acquire() as connection:
                found = await store_retention.find(connection, workspace_id)
        if found is None:
            raise EnvelopeError(NO_OWN_PERIOD)
        return succeed(found)

    async def put(self, request: web.Request) -> web.Response:
        """Give a workspace a period of its own, shorter than the site's."""
        actor = Actor.from_request(request, admin_of(request))
        workspace_id = _workspace_id(request)
        days = (await read_body(request, WorkspacePeriod)).logs_days
        if not is_shorter(days, self._periods.logs_days):
            raise EnvelopeError(NOT_SHORTER)
        work = partial(store_retention.put, workspace_id=workspace_id, days=days, actor=actor)
        with told_as(RETENTION_FAILED):
            return succeed(await in_transaction(self._pool, work))

    async def delete(self, request: web.Request) -> web.Response:
        """Have the site's period hold for a workspace; what is gone stays gone."""
        actor = Actor.from_request(request, admin_of(request))
        work = partial(store_retention.remove, workspace_id=_workspace_id(request), actor=actor)
        with told_as(RETENTION_FAILED):
            is_removed = await in_transaction(self._pool, work)
        if not is_removed:
            raise EnvelopeError(NO_OWN_PERIOD)
        return succeed()


def _workspace_id(request: web.Request) -> int:
    workspace_id = int(request.match_info["workspace_id"])
    if not 0 < workspace_id <= MAX_ID:
        raise EnvelopeError(NO_SUCH_WORKSPACE)
    return workspace_id

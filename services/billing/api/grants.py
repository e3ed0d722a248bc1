"""`/api/billing/grants`: units that are given, perhaps until a day."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

import asyncpg
from aiohttp import web
from pydantic import BaseModel, Field

from services.billing.api.moves import IdempotencyKey, Reason, Units
from services.billing.api.requests import Body, RowId, workspace_to_read
from services.billing.audit import Admin
from services.billing.directory import Directory
from services.billing.grants.giving import Grant, give
from services.billing.grants.store_grants import list_lots
from shared.events.numbers import MAX_ID
from shared.http.callers import user_of
from shared.http.described import Described, Who
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction

_PAGE: Final = 100
_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999."""


class GrantBody(Body):
    """What is given, to whom, and until when."""

    workspace_id: RowId
    quota_units: Units
    expires_at: Annotated[int, Field(gt=0, le=_LAST_SECOND, strict=True)] | None = None
    """Unix seconds; null: it stays."""
    idempotency_key: IdempotencyKey
    reason: Reason


class GrantsQuery(Body):
    """Whose grants; `before` for those after a page."""

    workspace_id: RowId | None = None
    before: RowId = MAX_ID


class Granted(BaseModel):
    """A grant's entry in the ledger, and whether it had been there before."""

    entry_id: int
    workspace_id: int
    amount_units: int
    balance_after_units: int
    is_repeated: bool


class GrantWithEnd(BaseModel):
    """A grant that ends or has ended, and what is left of it."""

    grant_id: int
    workspace_id: int
    entry_id: int
    granted_units: int
    remaining_units: int
    expires_at: int
    created_at: int
    is_expired: bool


class Grants(BaseModel):
    """A page of grants, the newest first."""

    items: list[GrantWithEnd]
    next_before: int | None


CALLS: Final = (
    Described(
        method="GET",
        path="/api/billing/grants",
        summary="One's grants that end, and what is left of each",
        who=Who.USER,
        query=GrantsQuery,
        data=Grants,
    ),
    Described(
        method="POST",
        path="/api/billing/grants",
        summary="Give units, perhaps until a day, once for each idempotency key",
        who=Who.ADMIN,
        body=GrantBody,
        data=Granted,
    ),
)


class GrantsApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool, directory: Directory) -> None:
        self._pool = pool
        self._directory = directory

    async def list(self, request: web.Request) -> web.Response:
        """The caller's workspace's; an admin may name another."""
        caller = user_of(request)
        query = read_query(request, GrantsQuery)
        workspace_id = workspace_to_read(request, caller, query.workspace_id)
        items = await list_lots(self._pool, workspace_id, before=query.before, limit=_PAGE)
        next_before = items[-1]["grant_id"] if len(items) == _PAGE else None
        return succeed({"items": items, "next_before": next_before})

    async def give(self, request: web.Request) -> web.Response:
        """Add to a workspace's balance; what is left of it on a day is taken back."""
        admin = Admin.of(request)
        body = await read_body(request, GrantBody)
        workspace = self._directory.workspace(body.workspace_id)
        if workspace is None:
            raise EnvelopeError("workspace not found")
        end = body.expires_at
        wanted = Grant(
            workspace_id=body.workspace_id,
            owner_user_id=workspace.owner_user_id,
            quota_units=body.quota_units,
            expires_at=None if end is None else datetime.fromtimestamp(end, UTC),
            idempotency_key=body.idempotency_key,
            reason=body.reason,
        )
        posted = await in_transaction(
            self._pool, partial(give, wanted=wanted, admin=admin), idempotent=True
        )
        told = posted._asdict()
        del told["refers_to_entry_id"]
        return succeed(told)

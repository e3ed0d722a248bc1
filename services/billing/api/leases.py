"""`/internal/leases`, for relays, and `/api/billing/leases`, for people."""

from functools import partial
from typing import Annotated, Final

import asyncpg
from aiohttp import web
from pydantic import Field, ValidationError

from services.billing.api.requests import Body, Named, RowId, workspace_to_read
from services.billing.audit import Admin
from services.billing.errors import database_told
from services.billing.leases.leasing import answer_message
from services.billing.leases.releases import Order, release
from services.billing.leases.store_lease_lists import list_leases
from services.billing.metrics import BillingMetrics
from shared.events.text import Line
from shared.http.callers import user_of
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.http.internal_server import calling_service
from shared.leases.protocol import LeaseAsks
from shared.postgres.retrying import in_transaction

_MAX_LISTED: Final = 100
_RELAY: Final = "relay"


class LeaseListQuery(Body):
    """Which leases; `after` is the last one of the page before."""

    workspace_id: RowId | None = None
    subject: Line | None = None
    after: Line = ""
    with_closed: bool = False
    page_size: Annotated[int, Field(ge=1, le=2**31)] = 20


class ReleaseBody(Body):
    """Why a lease is taken back."""

    reason: Named


class LeasesApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool, metrics: BillingMetrics) -> None:
        self._pool = pool
        self._metrics = metrics

    async def answer(self, request: web.Request) -> web.Response:
        """One relay's message, as `shared.leases.protocol` has it. Repeatable."""
        if calling_service(request) != _RELAY:
            raise EnvelopeError("only relays have leases", http_status=403)
        try:
            message = LeaseAsks.model_validate_json(await request.read())
        except ValidationError:
            raise EnvelopeError("not a lease message", http_status=400) from None
        with database_told(), self._metrics.message_seconds.time():
            # Totals, never changes: what was committed unheard may simply be done again.
            answers = await in_transaction(
                self._pool, partial(answer_message, message=message), idempotent=True
            )
        self._metrics.answered(answers)
        body = answers.__pydantic_serializer__.to_json(answers)
        return web.Response(body=body, content_type="application/json")

    async def list(self, request: web.Request) -> web.Response:
        """Who holds what since when, in order of id: `after` is the last one's.

        Of the caller's own workspace; for admins, of all or of the one that they name.
        """
        caller = user_of(request)
        query = read_query(request, LeaseListQuery)
        workspace_id = query.workspace_id
        if not caller.is_admin:
            workspace_id = workspace_to_read(request, caller, workspace_id)
        items = await list_leases(
            self._pool,
            after=query.after,
            workspace_id=workspace_id,
            subject=query.subject,
            with_closed=query.with_closed,
            limit=(limit := min(query.page_size, _MAX_LISTED)),
        )
        after = items[-1]["lease_id"] if len(items) == limit else None
        return succeed({"items": items, "next_after": after})

    async def release(self, request: web.Request) -> web.Response:
        """Take back by force what a lease holds."""
        admin = Admin.of(request)
        body = await read_body(request, ReleaseBody)
        order = Order(lease_id=request.match_info["lease_id"], admin=admin, reason=body.reason)
        done = await in_transaction(self._pool, partial(release, order=order))
        self._metrics.releases.inc()
        return succeed(done._asdict())

"""`GET /api/billing/charges/{request_id}`: what a request cost, and why."""

import re
from typing import Final

import asyncpg
from aiohttp import web

from services.billing.ledger.explaining import explain
from services.billing.ledger.store_explained import read_charge
from shared.http.callers import user_of
from shared.http.envelope import EnvelopeError, succeed

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class ChargesApi:
    """Handlers."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def read(self, request: web.Request) -> web.Response:
        """The charge of a request of the caller's workspace; an admin may ask for any.

        One that neither succeeded nor cost anything has none.
        """
        caller = user_of(request)
        request_id = request.match_info["request_id"]
        kept = None
        if REQUEST_ID.fullmatch(request_id):
            kept = await read_charge(self._pool, request_id)
        # Another's is answered like one that is not there: who may not see it learns nothing.
        if kept is None or not (
            caller.is_admin or kept.entry["workspace_id"] == caller.workspace_id
        ):
            raise EnvelopeError("the ledger has no charge for this request")
        return succeed(explain(kept, is_admin=caller.is_admin))

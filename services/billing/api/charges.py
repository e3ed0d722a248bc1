"""`GET /api/billing/charges/{request_id}`: what a request moved, for an admin who asks why."""

import re
from typing import Any, Final

import asyncpg
from aiohttp import web

from shared.http.callers import admin_of
from shared.http.envelope import EnvelopeError, succeed

CHARGE: Final = """
SELECT entry_id, workspace_id, key_id, user_id, model, amount_units,
    balance_after_units - amount_units AS balance_before_units, balance_after_units, excess_units,
    floor(extract(epoch FROM posted_at))::bigint AS posted_at
FROM ledger_entries WHERE cause = $1
"""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class ChargesApi:
    """Handlers."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def read(self, request: web.Request) -> web.Response:
        """The request's ledger entry. One that neither succeeded nor cost anything has none."""
        admin_of(request)
        request_id = request.match_info["request_id"]
        row = None
        if _REQUEST_ID.fullmatch(request_id):
            row = await self._pool.fetchrow(CHARGE, f"request:{request_id}")
        if row is None:
            raise EnvelopeError("the ledger has no charge for this request")
        charge: dict[str, Any] = {"request_id": request_id, **row}
        return succeed(charge)

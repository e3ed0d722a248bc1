"""`GET /api/status`: what tools ask first."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web

from shared.http.envelope import succeed
from shared.money.quota import QUOTA_PER_UNIT


def status(
    *, version: str, started_at: datetime
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """The handler."""

    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        return succeed(
            {
                "version": version,
                "start_time": int(started_at.timestamp()),
                "system_name": "Ledgerline",
                "quota_per_unit": QUOTA_PER_UNIT,
            }
        )

    return handle

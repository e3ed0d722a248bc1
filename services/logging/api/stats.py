"""`GET /api/log/stat` and `/api/log/self/stat`."""

from aiohttp import web

from services.logging.api.failures import told_as
from services.logging.api.scope import Scope, everything, own
from services.logging.errors import STATS_FAILED
from services.logging.listing.filters import ListQuery
from services.logging.listing.stats import LogStats
from services.logging.metrics import LoggingMetrics
from shared.http.envelope import succeed
from shared.service.clock import Clock, utc_now


class StatsApi:
    """What was consumed, and what goes on right now."""

    def __init__(self, *, stats: LogStats, metrics: LoggingMetrics, clock: Clock = utc_now) -> None:
        self._stats = stats
        self._metrics = metrics
        self._clock = clock

    async def of_all(self, request: web.Request) -> web.Response:
        """Over every row, for an admin."""
        return await self._answer("stat", everything(request, ListQuery)[1])

    async def of_own(self, request: web.Request) -> web.Response:
        """Over the caller's own rows."""
        return await self._answer("self_stat", own(request, ListQuery)[1])

    async def _answer(self, which: str, scope: Scope) -> web.Response:
        now = int(self._clock().timestamp())
        with told_as(STATS_FAILED), self._metrics.query_seconds.labels(which).time():
            stats = await self._stats.of(scope.filters, now=now)
        return succeed(stats.as_json())

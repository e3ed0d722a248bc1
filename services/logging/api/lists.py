"""`GET /api/log/` and `GET /api/log/self`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from services.logging.api.failures import listing_failures
from services.logging.filters import Filters, ListQuery
from services.logging.metrics import LoggingMetrics
from services.logging.store_lists import LogLists
from services.logging.views import admin_view, user_view
from shared.http.callers import admin_of, user_of
from shared.http.envelope import read_query, succeed

View = Callable[[Mapping[str, Any]], dict[str, Any]]


class ListApi:
    """Pages of log rows."""

    def __init__(self, *, lists: LogLists, metrics: LoggingMetrics) -> None:
        self._lists = lists
        self._metrics = metrics

    async def all_rows(self, request: web.Request) -> web.Response:
        """Every row, for an admin."""
        admin_of(request)
        query = read_query(request, ListQuery)
        return await self._answer("all", query, query.filters(), admin_view)

    async def own_rows(self, request: web.Request) -> web.Response:
        """The caller's own rows, whatever the filters say."""
        caller = user_of(request)
        query = read_query(request, ListQuery)
        mine = replace(query.filters(), user_id=caller.user_id)
        return await self._answer("self", query, mine, user_view)

    async def _answer(
        self, which: str, query: ListQuery, filters: Filters, view: View
    ) -> web.Response:
        page = query.page()
        with listing_failures(), self._metrics.query_seconds.labels(which).time():
            found = await self._lists.page(filters, page)
        return succeed(
            {
                "items": [view(row) for row in found.rows],
                "total": found.total,
                "page": page.number,
                "page_size": page.size,
            }
        )

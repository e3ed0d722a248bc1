"""`GET /api/log/`, `/api/log/self`, and the same with `search`."""

from typing import Any

from aiohttp import web

from services.logging.api.failures import told_as
from services.logging.api.scope import Scope, everything, own
from services.logging.errors import LIST_FAILED, SEARCH_FAILED
from services.logging.listing.filters import ListQuery, SearchQuery
from services.logging.listing.pages import Pages
from services.logging.listing.store_search import LogSearch
from services.logging.metrics import LoggingMetrics
from shared.http.envelope import succeed


class ListApi:
    """Pages of log rows, and lists of those that have a keyword."""

    def __init__(self, *, lists: Pages, search: LogSearch, metrics: LoggingMetrics) -> None:
        self._lists = lists
        self._search = search
        self._metrics = metrics

    async def all_rows(self, request: web.Request) -> web.Response:
        """Every row, for an admin."""
        return await self._page("all", *everything(request, ListQuery))

    async def own_rows(self, request: web.Request) -> web.Response:
        """The caller's own rows, whatever the filters say."""
        return await self._page("self", *own(request, ListQuery))

    async def search_all(self, request: web.Request) -> web.Response:
        """The newest rows of everyone that have the keyword, for an admin."""
        return await self._found("search", *everything(request, SearchQuery))

    async def search_own(self, request: web.Request) -> web.Response:
        """The caller's newest rows that have the keyword."""
        return await self._found("self_search", *own(request, SearchQuery))

    async def _page(self, which: str, query: ListQuery, scope: Scope) -> web.Response:
        page = query.page()
        with told_as(LIST_FAILED), self._metrics.query_seconds.labels(which).time():
            found = await self._lists.page(scope.filters, page, query.after())
        answer: dict[str, Any] = {
            "items": [scope.view(row) for row in found.rows],
            "total": found.total,
            "page": page.number,
            "page_size": page.size,
            "next_cursor": found.next_cursor,
        }
        return succeed(answer)

    async def _found(self, which: str, query: SearchQuery, scope: Scope) -> web.Response:
        """Without a keyword: the newest rows that match the filters."""
        with told_as(SEARCH_FAILED), self._metrics.query_seconds.labels(which).time():
            if query.keyword.strip():
                rows = await self._search.newest(scope.filters, query.keyword)
            else:
                rows = await self._lists.newest(scope.filters)
        return succeed([scope.view(row) for row in rows])

"""`GET /api/requests` and `GET /api/requests/{request_id}`."""

import re
from dataclasses import replace
from typing import Final, NamedTuple

from aiohttp import web

from services.logging.api.failures import told_as
from services.logging.errors import LIST_FAILED, NO_SUCH_REQUEST
from services.logging.metrics import LoggingMetrics
from services.logging.requests.filters import RequestFilters
from services.logging.requests.pages import RequestPages
from services.logging.requests.query import RequestQuery
from services.logging.requests.shown import item_of
from services.logging.requests.store_requests import StoredRow
from services.logging.requests.whole import whole
from shared.http.assertions import Caller
from shared.http.callers import caller_of
from shared.http.envelope import EnvelopeError, read_query, succeed

_MAX_ID: Final = 64
# No stored id has these, and the database refuses some of them.
_NO_ID: Final = re.compile("[\u0000-\u001f\u007f\ud800-\udfff]")


class RequestScope(NamedTuple):
    """Whose requests a caller may see. No parameter widens it."""

    caller: Caller

    def narrowed(self, filters: RequestFilters) -> RequestFilters:
        """Of what is asked for, what the caller may see: an admin all, a key its own."""
        if self.caller.key_id is not None:
            return replace(filters, key_id=self.caller.key_id)
        if self.caller.is_admin:
            return filters
        return replace(filters, user_id=self.caller.user_id)

    def has(self, row: StoredRow) -> bool:
        """Whether the caller may see this one."""
        if self.caller.key_id is not None:
            return bool(row["token_id"] == self.caller.key_id)
        return self.caller.is_admin or bool(row["user_id"] == self.caller.user_id)


class RequestApi:
    """Handlers."""

    def __init__(self, *, pages: RequestPages, metrics: LoggingMetrics) -> None:
        self._pages = pages
        self._metrics = metrics

    async def list(self, request: web.Request) -> web.Response:
        """A page of requests, newest first."""
        scope = RequestScope(caller_of(request))
        query = read_query(request, RequestQuery)
        filters = scope.narrowed(query.filters())
        with told_as(LIST_FAILED), self._metrics.query_seconds.labels("requests").time():
            found = await self._pages.page(filters, after=query.place, size=query.size)
        is_admin = scope.caller.is_admin
        return succeed(
            {
                "items": [item_of(row, for_admin=is_admin) for row in found.rows],
                "total": found.total,
                "page_size": query.size,
                "next_cursor": found.next_cursor,
                "is_partial": found.is_partial,
            }
        )

    async def one(self, request: web.Request) -> web.Response:
        """One request, whole."""
        scope = RequestScope(caller_of(request))
        request_id = request.match_info["request_id"]
        if len(request_id) > _MAX_ID or _NO_ID.search(request_id):
            raise EnvelopeError(NO_SUCH_REQUEST)
        with told_as(LIST_FAILED), self._metrics.query_seconds.labels("request").time():
            row = await self._pages.one(request_id)
        if row is None or not scope.has(row):
            raise EnvelopeError(NO_SUCH_REQUEST)
        return succeed(whole(row, for_admin=scope.caller.is_admin))

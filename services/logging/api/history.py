"""What only an admin may: `DELETE /api/log/`, and `GET /api/log/explain/{request_id}`."""

import re
from typing import Final

from aiohttp import web

from services.logging.api.failures import told_as
from services.logging.errors import CLEAN_UP_FAILED, LIST_FAILED, NO_SUCH_REQUEST, TARGET_REQUIRED
from services.logging.listing.explaining import explain
from services.logging.listing.filters import CleanUpQuery
from services.logging.listing.store_explain import RequestRows
from services.logging.metrics import LoggingMetrics
from services.logging.retention.clean_up import CleanUp
from shared.audit.actions import Actor
from shared.http.callers import admin_of
from shared.http.envelope import EnvelopeError, read_query, succeed

_MAX_ID: Final = 256
# No stored id has these, and the database refuses some of them.
_NO_ID: Final = re.compile("[\u0000-\u001f\u007f\ud800-\udfff]")


class HistoryApi:
    """What has been, looked into and deleted."""

    def __init__(
        self, *, clean_up: CleanUp, requests: RequestRows, metrics: LoggingMetrics
    ) -> None:
        self._clean_up = clean_up
        self._requests = requests
        self._metrics = metrics

    async def delete(self, request: web.Request) -> web.Response:
        """Delete the rows before a time; `data` is how many there were."""
        caller = admin_of(request)
        query = read_query(request, CleanUpQuery)
        if query.target_timestamp <= 0:
            raise EnvelopeError(TARGET_REQUIRED)
        actor = Actor.from_request(request, caller)
        with told_as(CLEAN_UP_FAILED):
            return succeed(await self._clean_up.delete_before(query.target_timestamp, actor))

    async def explain(self, request: web.Request) -> web.Response:
        """One request whole, by our id or its upstream's."""
        admin_of(request)
        request_id = request.match_info["request_id"]
        if len(request_id) > _MAX_ID or _NO_ID.search(request_id):
            raise EnvelopeError(NO_SUCH_REQUEST)
        with told_as(LIST_FAILED), self._metrics.query_seconds.labels("explain").time():
            rows = await self._requests.find(request_id)
        if not rows:
            raise EnvelopeError(NO_SUCH_REQUEST)
        return succeed(explain(rows[0], others=[row["request_id"] for row in rows[1:]]))

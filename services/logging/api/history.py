"""`GET /api/log/explain/{request_id}`: what only an admin may know of a request."""

import re
from typing import Final

from aiohttp import web

from services.logging.api.failures import told_as
from services.logging.errors import LIST_FAILED, NO_SUCH_REQUEST
from services.logging.listing.explaining import explain
from services.logging.listing.store_explain import RequestRows
from services.logging.metrics import LoggingMetrics
from shared.http.callers import admin_of
from shared.http.envelope import EnvelopeError, succeed

_MAX_ID: Final = 256
# No stored id has these, and the database refuses some of them.
_NO_ID: Final = re.compile("[\u0000-\u001f\u007f\ud800-\udfff]")


class HistoryApi:
    """What has been, looked into."""

    def __init__(self, *, requests: RequestRows, metrics: LoggingMetrics) -> None:
        self._requests = requests
        self._metrics = metrics

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

"""`GET /api/log/token`: a key's own rows, for whoever has the key, from any site."""

from aiohttp import web

from services.logging.api.failures import told_as
from services.logging.errors import LIST_FAILED, NO_SUCH_KEY
from services.logging.listing.filters import Filters
from services.logging.listing.pages import Pages
from services.logging.listing.views import user_view
from services.logging.metrics import LoggingMetrics
from shared.http.callers import caller_of
from shared.http.envelope import EnvelopeError, succeed


class TokenApi:
    """The relay turns `?key=` or `Bearer sk-…` into an assertion with the key's id."""

    def __init__(self, *, lists: Pages, metrics: LoggingMetrics) -> None:
        self._lists = lists
        self._metrics = metrics

    async def key_rows(self, request: web.Request) -> web.Response:
        """The newest rows of the key that calls, as a list."""
        filters = Filters(token_id=_key_id(request))
        with told_as(LIST_FAILED), self._metrics.query_seconds.labels("token").time():
            rows = await self._lists.newest(filters)
        return succeed([user_view(row) for row in rows])


def _key_id(request: web.Request) -> int:
    try:
        key_id = caller_of(request).key_id
    except EnvelopeError:
        key_id = None
    if key_id is None:
        raise EnvelopeError(NO_SUCH_KEY)
    return key_id

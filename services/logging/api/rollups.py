"""`GET /api/usage/hourly` and `/daily`: the rollups as tables, page by page."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from services.logging.api.usage_answers import answering, asked, said
from services.logging.metrics import LoggingMetrics
from services.logging.usage.asked import Dimension, RowsQuery
from services.logging.usage.places import cursor_of
from services.logging.usage.shown import row_shown
from services.logging.usage.sources import COLUMNS, FINEST
from services.logging.usage.spans import DAY_S, Grain, Stretch, whole
from services.logging.usage.store_rollup_rows import RollupRows
from shared.http.envelope import EnvelopeError, succeed
from shared.service.clock import Clock, utc_now

_LATELY_S: Final = {Grain.HOURLY: 7 * DAY_S, Grain.DAILY: 92 * DAY_S}


class RollupsApi:
    """Handlers."""

    def __init__(
        self, *, rows: RollupRows, metrics: LoggingMetrics, clock: Clock = utc_now
    ) -> None:
        self._rows = rows
        self._metrics = metrics
        self._clock = clock

    async def hourly(self, request: web.Request) -> web.Response:
        """Rows of `usage_hourly`."""
        return await self._page(request, Grain.HOURLY)

    async def daily(self, request: web.Request) -> web.Response:
        """Rows of `usage_daily`."""
        return await self._page(request, Grain.DAILY)

    async def _page(self, request: web.Request, grain: Grain) -> web.Response:
        query, wanted = asked(request, RowsQuery)
        place, by = query.place, query.dimensions
        if place is not None and not _fits(place.names, by):
            raise EnvelopeError("this cursor is of another list")
        with answering(self._metrics, f"usage_{grain}"):
            now = int(self._clock().timestamp()) + 1
            lower, upper = whole(*query.span(now, _LATELY_S[grain]), grain.seconds)
            stretch = Stretch(grain, lower, upper)
            found = await self._rows.page(wanted, stretch, by, place, query.page_size)
        columns = [COLUMNS[each] for each in (by or FINEST)]
        last = found.rows[-1] if found.has_more else None
        return succeed(
            {
                **said(found.freshness, wanted, (lower, upper)),
                "items": [row_shown(row, grain, columns if by else ()) for row in found.rows],
                "next_cursor": None
                if last is None
                else cursor_of(last["bucket"], [last[column] for column in columns]),
            }
        )


def _fits(names: Sequence[int | str], by: Sequence[Dimension]) -> bool:
    dimensions = by or FINEST
    return len(names) == len(dimensions) and all(
        isinstance(name, str if dimension is Dimension.MODEL else int)
        for name, dimension in zip(names, dimensions, strict=True)
    )

"""`/api/usage/*`: what was used, over time and by what; one's own, or an admin's everybody's."""

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from services.logging.api.usage_answers import answering, asked, named, said
from services.logging.metrics import LoggingMetrics
from services.logging.usage.asked import MAX_POINTS, SeriesQuery, TopQuery, UsageQuery
from services.logging.usage.measures import DISTINCT, LATENCIES, METRICS, NOTHING, TOLD, told
from services.logging.usage.sources import Name
from services.logging.usage.spans import (
    DAY_S,
    HOUR_S,
    Interval,
    Points,
    SpanError,
    points,
    stretches,
    whole,
)
from services.logging.usage.store_usage_reads import Series, UsageReads
from shared.http.envelope import succeed
from shared.service.clock import Clock, utc_now

_UTC: Final = "UTC"
_LATELY_S: Final = 30 * DAY_S
_SUMMED: Final = tuple(name for name in TOLD if name != DISTINCT)
"""What needs no sketches, and no look at each key."""


class UsageApi:
    """Handlers."""

    def __init__(
        self, *, reads: UsageReads, metrics: LoggingMetrics, clock: Clock = utc_now
    ) -> None:
        self._reads = reads
        self._metrics = metrics
        self._clock = clock

    async def series(self, request: web.Request) -> web.Response:
        """The metrics that are asked for, over time."""
        return await self._over_time(request, "usage_series", None)

    async def latency(self, request: web.Request) -> web.Response:
        """Percentiles of the time to the last byte and to the first one, over time."""
        return await self._over_time(request, "usage_latency", LATENCIES)

    async def top(self, request: web.Request) -> web.Response:
        """The largest of a dimension."""
        query, wanted = asked(request, TopQuery)
        with answering(self._metrics, "usage_top"):
            span = whole(*query.span(self._now(), _LATELY_S), HOUR_S)
            found = await self._reads.top(
                wanted, stretches(*span), query.by, query.order, query.limit
            )
        return succeed(
            {
                **said(found.freshness, wanted, span),
                "by": query.by,
                "order": query.order,
                "items": [
                    {**named(query.by, name, found.labels), **told(sums, METRICS)}
                    for name, sums in found.items
                ],
                "total": told(found.total, _SUMMED),
            }
        )

    async def summary(self, request: web.Request) -> web.Response:
        """A time as a whole, beside as much time before it."""
        query, wanted = asked(request, UsageQuery)
        with answering(self._metrics, "usage_summary"):
            lower, upper = whole(*query.span(self._now(), _LATELY_S), HOUR_S)
            earlier = max(0, 2 * lower - upper)
            found = await self._reads.totals(
                wanted,
                stretches(lower, upper),
                stretches(earlier, lower) if earlier < lower else (),
            )
        return succeed(
            {
                **said(found.freshness, wanted, (lower, upper)),
                "total": told(found.total, METRICS),
                "before": {"from": earlier, "to": lower, **told(found.before, _SUMMED)},
            }
        )

    async def _over_time(
        self, request: web.Request, which: str, metrics: Sequence[str] | None
    ) -> web.Response:
        query, wanted = asked(request, SeriesQuery)
        zone = query.timezone or _UTC
        told_of = query.told if metrics is None else metrics
        with answering(self._metrics, which):
            over = points(*query.lately(self._now()), query.interval, zone)
            _bound(over, query)
            found = await self._reads.series(wanted, over, query.by, told_of, query.limit)
        return succeed(
            {
                **said(found.freshness, wanted, (over.bounds[0], over.bounds[-1])),
                "interval": query.interval,
                "timezone": zone,
                "by": query.by,
                "is_cut": found.is_cut,
                "series": [
                    {
                        **named(query.by, name, found.labels),
                        "points": _points(found, name, over, told_of),
                    }
                    for name in found.points
                ],
            }
        )

    def _now(self) -> int:
        """So that the present second is in it."""
        return int(self._clock().timestamp()) + 1


def _points(
    found: Series, name: Name, over: Points, metrics: Sequence[str]
) -> list[dict[str, Any]]:
    """All of them: where nothing was used, it says so."""
    by_number = found.points[name]
    return [
        {"at": start, **told(by_number.get(number, NOTHING), metrics)}
        for number, start in enumerate(over.starts)
    ]


def _bound(over: Points, query: SeriesQuery) -> None:
    """Raises SpanError where the answer would be too large."""
    count = len(over.starts) * (1 if query.by is None else query.limit)
    if count > MAX_POINTS:
        hint = "ask for interval=day" if query.interval is Interval.HOUR else "ask for less time"
        raise SpanError(
            f"these are {count} points, and {MAX_POINTS} are told at once: {hint},"
            " or a smaller `limit`"
        )

"""What the documentation says of `/api/usage`."""

from typing import Final

from services.logging.shapes import usage as shapes
from services.logging.usage.asked import RowsQuery, SeriesQuery, TopQuery, UsageQuery
from shared.http.described import Described, Who

CALLS: Final = (
    Described(
        method="GET",
        path="/api/usage/series",
        summary="Usage over time, by the hour or by the day, whole or by a dimension",
        who=Who.USER,
        query=SeriesQuery,
        data=shapes.SeriesTold,
    ),
    Described(
        method="GET",
        path="/api/usage/latency",
        summary="Percentiles of latency and of the first byte over time",
        who=Who.USER,
        query=SeriesQuery,
        data=shapes.SeriesTold,
    ),
    Described(
        method="GET",
        path="/api/usage/top",
        summary="The largest models, keys, users, projects, workspaces or providers",
        who=Who.USER,
        query=TopQuery,
        data=shapes.TopTold,
    ),
    Described(
        method="GET",
        path="/api/usage/summary",
        summary="Usage as a whole, beside as much time before it",
        who=Who.USER,
        query=UsageQuery,
        data=shapes.SummaryTold,
    ),
    Described(
        method="GET",
        path="/api/usage/hourly",
        summary="The hourly rollups, row by row or added up",
        who=Who.USER,
        query=RowsQuery,
        data=shapes.HourlyTold,
    ),
    Described(
        method="GET",
        path="/api/usage/daily",
        summary="The daily rollups, row by row or added up",
        who=Who.USER,
        query=RowsQuery,
        data=shapes.DailyTold,
    ),
)

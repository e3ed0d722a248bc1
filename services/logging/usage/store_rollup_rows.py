"""Reading pages of `usage_hourly` and `usage_daily`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.logging.listing.reading import Reading
from services.logging.usage import row_queries
from services.logging.usage.asked import Dimension
from services.logging.usage.freshness import Freshness
from services.logging.usage.merging import MAX_SKETCHES, bounded, merge, with_sketches
from services.logging.usage.places import Place
from services.logging.usage.sources import COLUMNS, FINEST, Wanted
from services.logging.usage.spans import DAY_S, Grain, Stretch
from services.logging.usage.store_freshness import freshness
from shared.postgres.retrying import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRows:
    """A page, newest first, and whether there are more."""

    freshness: Freshness
    rows: Sequence[Mapping[str, Any]]
    """As stored, with merged sketches."""
    has_more: bool


class RollupRows:
    """The queries of `/api/usage/hourly` and `/daily`. They raise what asyncpg raises."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def page(
        self,
        wanted: Wanted,
        stretch: Stretch,
        by: Sequence[Dimension],
        place: Place | None,
        limit: int,
    ) -> FoundRows:
        """Rows by themselves, or added up by `by`. Raises SpanError where those are too many."""
        query = row_queries.rows(wanted, stretch, by, place, limit + 1)
        columns = [COLUMNS[each] for each in (by or FINEST)]

        def place_of(row: Mapping[str, Any]) -> Place:
            return Place(row["bucket"], tuple(row[column] for column in columns))

        async with self._reading() as connection:
            fresh = await freshness(connection, [stretch])
            found = [dict(row) for row in await connection.fetch(query.text, *query.values)]
            rows = found[:limit]
            parts: Sequence[Mapping[str, Any]] = rows
            if by and rows:
                ends = place_of(rows[0]), place_of(rows[-1])
                told = row_queries.row_sketches(wanted, stretch, by, ends, MAX_SKETCHES + 1)
                parts = [dict(part) for part in await connection.fetch(told.text, *told.values)]
                if stretch.grain is Grain.DAILY:
                    await _add_peaks(connection, wanted, by, rows)
        merged = await merge((place_of(row), row) for row in bounded(parts))
        whole = [with_sketches(row, merged.get(place_of(row))) for row in rows]
        return FoundRows(freshness=fresh, rows=whole, has_more=len(found) > limit)


async def _add_peaks(
    connection: Connection,
    wanted: Wanted,
    by: Sequence[Dimension],
    rows: Sequence[dict[str, Any]],
) -> None:
    """The hour with the most requests of days that are added up: no row alone knows it."""
    columns = [COLUMNS[each] for each in by]
    days = [row["bucket"] for row in rows]
    query = row_queries.peaks(wanted, by, Stretch(Grain.HOURLY, min(days), max(days) + DAY_S))
    peaks = {
        (row["day"], *(row[column] for column in columns)): row
        for row in await connection.fetch(query.text, *query.values)
    }
    for row in rows:
        peak = peaks.get((row["bucket"], *(row[column] for column in columns)))
        row["peak_hour"] = None if peak is None else peak["peak_hour"]
        row["peak_hour_requests"] = 0 if peak is None else peak["peak_hour_requests"]

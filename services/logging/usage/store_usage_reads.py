"""Reading the rollups. Every answer is of one moment, and says how complete that is."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from services.logging.listing.reading import Reading
from services.logging.usage import queries, series_queries
from services.logging.usage.asked import Dimension, Order
from services.logging.usage.freshness import Freshness
from services.logging.usage.measures import NOTHING, needs_sketches
from services.logging.usage.merging import MAX_SKETCHES, bounded, merge, with_sketches
from services.logging.usage.sources import Name, Query, Wanted
from services.logging.usage.spans import Points, Stretch
from services.logging.usage.store_freshness import freshness
from services.logging.usage.store_names import names_of
from shared.postgres.retrying import Connection

Row = dict[str, Any]
Sums = Mapping[str, Any]
"""A row of sums with the merged sketches, as `measures.told` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The points of each name that has any, by the point's number; and more names there are."""

    freshness: Freshness
    points: Mapping[Name, Mapping[int, Sums]]
    """In the order of what they spent. Without a dimension the only name is None."""
    labels: Mapping[Name, str]
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tops:
    """The largest, and all together."""

    freshness: Freshness
    items: Sequence[tuple[Name, Sums]]
    labels: Mapping[Name, str]
    total: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A time, and the same time before it."""

    freshness: Freshness
    total: Sums
    before: Sums


class UsageReads:
    """The queries of `/api/usage`. They raise SpanError and what asyncpg raises."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._of_everybody = asyncio.Semaphore()

    @asynccontextmanager
    async def _moment(self, wanted: Wanted, by: Dimension | None) -> AsyncIterator[Connection]:
        """A moment to read in. Every key of the site is looked at by one question at a time.

        Such a one takes all cores for a good part of a second: several at once would end none in
        time, and hold up the lists.
        """
        is_heavy = wanted.is_of_everybody and not wanted.is_of_site([] if by is None else [by], ())
        async with (
            self._of_everybody if is_heavy else nullcontext(),
            self._reading() as connection,
        ):
            yield connection

    async def series(
        self,
        wanted: Wanted,
        points: Points,
        by: Dimension | None,
        metrics: Sequence[str],
        limit: int,
    ) -> Series:
        """The largest `limit` by spend, each over time."""
        is_sketched = bool(needs_sketches(metrics))
        async with self._moment(wanted, by) as connection:
            fresh = await freshness(connection, [points.stretch])
            names: list[Name] = [None]
            labels: Mapping[Name, str] = {}
            is_cut = False
            if by is not None:
                top = queries.largest(wanted, [points.stretch], by, Order.SPEND, limit + 1)
                names = [row["name"] for row in await _fetch(connection, top)]
                is_cut = len(names) > limit
                names = names[:limit]
                labels = await names_of(connection, by, names)
            rows = await _fetch(
                connection, series_queries.series(wanted, points, by, names, metrics)
            )
            raw: Sequence[Row] = []
            if is_sketched:
                query = series_queries.series_sketches(wanted, points, by, names, MAX_SKETCHES + 1)
                raw = bounded(await _fetch(connection, query))
        merged = await merge(((row["name"], row["point"]), row) for row in raw)
        found: dict[Name, dict[int, Sums]] = {name: {} for name in names}
        for row in rows:
            place = (row["name"], row["point"])
            found[row["name"]][row["point"]] = with_sketches(row, merged.get(place))
        return Series(freshness=fresh, points=found, labels=labels, is_cut=is_cut)

    async def top(
        self,
        wanted: Wanted,
        stretches: Sequence[Stretch],
        by: Dimension,
        order: Order,
        limit: int,
    ) -> Tops:
        """The largest, with their percentiles."""
        async with self._moment(wanted, by) as connection:
            fresh = await freshness(connection, stretches)
            largest = queries.largest(wanted, stretches, by, order, limit)
            names = [row["name"] for row in await _fetch(connection, largest)]
            of_names = queries.sums_of(wanted, stretches, by, names)
            rows = {row["name"]: row for row in await _fetch(connection, of_names)}
            query = queries.sketches(wanted, stretches, by, names, MAX_SKETCHES + 1)
            raw = bounded(await _fetch(connection, query))
            total = await _total(connection, wanted, stretches)
            labels = await names_of(connection, by, names)
        merged = await merge((row["name"], row) for row in raw)
        items = [(name, with_sketches(rows[name], merged.get(name))) for name in names]
        return Tops(freshness=fresh, items=items, labels=labels, total=total)

    async def totals(
        self, wanted: Wanted, stretches: Sequence[Stretch], before: Sequence[Stretch]
    ) -> Totals:
        """Two times, the first with its percentiles and its keys."""
        # Distinct keys are of no rollup of the site.
        async with self._moment(wanted, Dimension.KEY) as connection:
            fresh = await freshness(connection, [*before, *stretches])
            total = await _total(connection, wanted, stretches)
            (keys,) = await _fetch(connection, queries.keys(wanted, stretches))
            query = queries.sketches(wanted, stretches, None, (), MAX_SKETCHES + 1)
            raw = bounded(await _fetch(connection, query))
            earlier = await _total(connection, wanted, before) if before else NOTHING
        merged = await merge((None, row) for row in raw)
        whole = with_sketches({**total, **keys}, merged.get(None))
        return Totals(freshness=fresh, total=whole, before=earlier)


async def _fetch(connection: Connection, query: Query) -> list[Row]:
    return [dict(row) for row in await connection.fetch(query.text, *query.values)]


async def _total(connection: Connection, wanted: Wanted, stretches: Sequence[Stretch]) -> Row:
    rows = await _fetch(connection, queries.total(wanted, stretches))
    return {**NOTHING, **(rows[0] if rows else {})}

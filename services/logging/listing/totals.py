"""How much matches, exactly, and when: from counts where they are whole, else from the rows."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from services.logging.buckets import Grain
from services.logging.ingest.counting import Facet
from services.logging.listing.counting import ROWS_BUCKET_S, counting
from services.logging.listing.facets import GRAINS, facet_for
from services.logging.listing.filters import Filters
from services.logging.listing.grains import Part, divide
from services.logging.listing.moments import Hidden, Moment
from services.logging.listing.places import Piece
from services.logging.listing.store_moment import read_moment
from services.logging.listing.stretches import Stretch
from shared.postgres.retrying import Connection


class Total(NamedTuple):
    """Of all that matches."""

    rows: int
    quota: int
    tokens: int
    """Prompt and completion tokens of requests."""


class Totals:
    """Sums over the rows that match. They raise what asyncpg raises, a time-out among it.

    Call them in a transaction of `Reading`: counts and rows must be of one snapshot.
    """

    async def of(self, connection: Connection, filters: Filters) -> Total:
        """All that matches, in the filters' range."""
        moment = await read_moment(connection)
        pieces = await pieces_of(connection, filters, moment.stretch_of(filters), moment)
        return total_of(pieces)

    async def by_bucket(
        self, connection: Connection, filters: Filters, grain: Grain, lower: int, upper: int
    ) -> list[tuple[int, int]]:
        """Bucket and rows of each bucket of `grain` in [lower, upper) that has some, ascending."""
        moment = await read_moment(connection)
        asked = replace(filters, start_timestamp=lower, end_timestamp=upper - 1)
        stretch = moment.stretch_of(asked)
        rows: Counter[int] = Counter()
        for piece in await pieces_of(connection, filters, stretch, moment, coarsest=grain):
            rows[piece.lower - piece.lower % grain] += piece.rows
        return sorted(rows.items())


def total_of(pieces: Iterable[Piece]) -> Total:
    """The sums over pieces that do not overlap."""
    rows = quota = tokens = 0
    for piece in pieces:
        rows += piece.rows
        quota += piece.quota
        tokens += piece.tokens
    return Total(rows, quota, tokens)


async def pieces_of(
    connection: Connection,
    filters: Filters,
    stretch: Stretch,
    moment: Moment,
    *,
    coarsest: Grain = Grain.DAY,
) -> list[Piece]:
    """What matches in the stretch, newest first, by buckets of at most `coarsest`.

    Pieces do not overlap; where there is none, nothing matches. Rows are told by the hour.
    """
    facet = facet_for(filters)
    parts = divide(
        stretch, [grain for grain in _grains(facet, moment) if grain <= coarsest], moment
    )
    if not parts:
        return []
    pieces = await _counted(connection, filters, facet, parts, moment)
    if facet is not None and moment.hidden:
        # Rows that are being deleted are in the counts for as long as they are there.
        for gone in moment.hidden:
            pieces = _less(pieces, await _hidden(connection, filters, parts, moment, gone))
    return pieces


def is_counted(filters: Filters, stretch: Stretch, grain: Grain, moment: Moment) -> bool:
    """Whether all of the stretch is counted by buckets of that grain."""
    if grain not in _grains(facet_for(filters), moment):
        return False
    return all(part.grain is grain for part in divide(stretch, [grain], moment))


def _grains(facet: Facet | None, moment: Moment) -> list[Grain]:
    """By which the facet is counted, the coarsest first."""
    if facet is None:
        return []
    grains = list(GRAINS[facet])
    if moment.hidden:
        # What is hidden is taken off again, by counts of its own facet: buckets must nest.
        return [grain for grain in grains if grain in GRAINS[Facet.KEY]]
    return grains


async def _counted(
    connection: Connection,
    filters: Filters,
    facet: Facet | None,
    parts: Sequence[Part],
    moment: Moment,
) -> list[Piece]:
    statement, values = counting(filters, facet, parts, moment)
    upper_of = {(part.grain or 0, part.lower): part.upper for part in parts}
    pieces = []
    for grain, part_lower, bucket, rows, quota, tokens in await connection.fetch(
        statement, *values
    ):
        upper = min(bucket + (grain or ROWS_BUCKET_S), upper_of[grain, part_lower])
        pieces.append(Piece(max(bucket, part_lower), upper, rows, quota, tokens))
    return sorted(pieces, reverse=True)


async def _hidden(
    connection: Connection, filters: Filters, parts: Sequence[Part], moment: Moment, gone: Hidden
) -> list[Piece]:
    """What the counts of these parts have of the hidden rows; rows that are counted have none."""
    if filters.workspace_id not in (None, gone.workspace_id):
        return []
    theirs = replace(filters, workspace_id=gone.workspace_id)
    facet = facet_for(theirs)
    finer_parts = [
        finer
        for part in parts
        if part.grain is not None
        for finer in divide(
            Stretch(part.lower, min(part.upper, gone.before)),
            # No coarser than what it is taken off from: hours, and not the day that they fill.
            [grain for grain in GRAINS[Facet.KEY] if grain <= (part.grain or 0)],
            moment,
        )
    ]
    if not finer_parts:
        return []
    return await _counted(connection, theirs, facet, finer_parts, moment._replace(hidden=()))


def _less(pieces: Sequence[Piece], taken: Iterable[Piece]) -> list[Piece]:
    """The pieces without what lies in them of others, which are as long or shorter."""
    left = sorted(pieces)
    lowers = [piece.lower for piece in left]
    for gone in taken:
        index = bisect_right(lowers, gone.lower) - 1
        lower, upper, rows, quota, tokens = left[index]
        left[index] = Piece(
            lower, upper, rows - gone.rows, quota - gone.quota, tokens - gone.tokens
        )
    return left[::-1]

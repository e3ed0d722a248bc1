"""Adding to the counts of series. The caller owns the transaction, and has seen to the partitions.

Rows are written in the order of (series, bucket), table by table: whoever adds at the same time
waits, and does not deadlock.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from services.logging.buckets import Grain
from services.logging.ingest.arrays import number_arrays
from services.logging.ingest.counting import Counts, Facet, SeriesKey
from services.logging.ingest.series import SeriesIds
from services.logging.partitions.covering import Partitions
from services.logging.partitions.spans import COUNTS_BY_DAY, COUNTS_BY_HOUR, COUNTS_BY_MINUTE
from shared.postgres.retrying import Connection

TABLES: Final = {
    Grain.DAY: COUNTS_BY_DAY,
    Grain.HOUR: COUNTS_BY_HOUR,
    Grain.MINUTE: COUNTS_BY_MINUTE,
    Grain.SECOND: "log_counts_second",
}
_OF_FEW: Final = (Facet.KEY, Facet.NAME)
_OF_ALL: Final = (Facet.SITE, Facet.ALL)


def _adding(table: str) -> str:
    return f"""
INSERT INTO {table} AS kept (series_id, bucket, rows, quota, tokens)
SELECT * FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::bigint[],
    $4::text::bigint[], $5::text::bigint[])
ON CONFLICT (series_id, bucket) DO UPDATE SET rows = kept.rows + EXCLUDED.rows,
    quota = kept.quota + EXCLUDED.quota, tokens = kept.tokens + EXCLUDED.tokens
"""


_ADD: Final = {grain: _adding(table) for grain, table in TABLES.items()}


async def ids_of(counted: Counts, series: SeriesIds) -> Mapping[SeriesKey, int]:
    """The ids of all series that are counted. Needs a connection beside the transaction's."""
    return await series.of({key for places in counted.values() for key, _ in places})


async def cover_counts(
    buckets: Mapping[Grain, Iterable[tuple[object, int]]], made: Partitions
) -> None:
    """See that each bucket has a partition. Needs a connection beside the transaction's."""
    for grain in (Grain.DAY, Grain.HOUR, Grain.MINUTE):
        await made.cover(TABLES[grain], {bucket for _, bucket in buckets.get(grain, ())})


async def add_counts_of_few(
    connection: Connection, counted: Counts, ids: Mapping[SeriesKey, int]
) -> None:
    """Those of one key, and of one key's name: who else writes them is rare."""
    await _add_facets(connection, counted, ids, _OF_FEW)


async def add_counts_of_all(
    connection: Connection, counted: Counts, ids: Mapping[SeriesKey, int]
) -> None:
    """Those that every batch touches: last in a transaction, so that others wait for a moment."""
    await _add_facets(connection, counted, ids, _OF_ALL)


async def _add_facets(
    connection: Connection,
    counted: Counts,
    ids: Mapping[SeriesKey, int],
    facets: Collection[Facet],
) -> None:
    for grain, places in counted.items():
        chosen = {
            (ids[key], bucket): sums
            for (key, bucket), sums in places.items()
            if key.facet in facets
        }
        await add_buckets(connection, grain, chosen)


async def add_buckets(
    connection: Connection, grain: Grain, buckets: Mapping[tuple[int, int], Sequence[int]]
) -> None:
    """Add sums (rows, quota, tokens) by series id and bucket, to the counts of one grain."""
    if buckets:
        rows = sorted([(*place, *sums) for place, sums in buckets.items()])
        await connection.execute(_ADD[grain], *number_arrays(rows))

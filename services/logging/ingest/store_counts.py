"""Adding to the counts of series. The caller owns the transaction, and has seen to the partitions.

Rows are written in the order of (series, bucket), table by table: whoever adds at the same time
waits, and does not deadlock.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from services.logging.ingest.counting import Counted, Counts, Facet, Grain, Place, SeriesKey
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
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
ON CONFLICT (series_id, bucket) DO UPDATE SET rows = kept.rows + EXCLUDED.rows,
    quota = kept.quota + EXCLUDED.quota, tokens = kept.tokens + EXCLUDED.tokens
"""


_ADD: Final = {grain: _adding(table) for grain, table in TABLES.items()}


async def add_counts(connection: Connection, counted: Counts, series: SeriesIds) -> None:
    """Add them all; what is below 0 takes away."""
    ids = await ids_of(counted, series)
    await add_counts_of_few(connection, counted, ids)
    await add_counts_of_all(connection, counted, ids)


async def ids_of(counted: Counts, series: SeriesIds) -> Mapping[SeriesKey, int]:
    """The ids of all series that are counted. Needs a connection beside the transaction's."""
    return await series.of({key for places in counted.values() for key, _ in places})


async def cover_counts(counted: Counts, partitions: Partitions) -> None:
    """See that each bucket has a partition. Needs a connection beside the transaction's."""
    for grain in (Grain.DAY, Grain.HOUR, Grain.MINUTE):
        await partitions.cover(TABLES[grain], {bucket for _, bucket in counted[grain]})


async def add_counts_of_few(
    connection: Connection, counted: Counts, ids: Mapping[SeriesKey, int]
) -> None:
    """Those of one key, and of one key's name: who else writes them is rare."""
    await _add(connection, counted, ids, _OF_FEW)


async def add_counts_of_all(
    connection: Connection, counted: Counts, ids: Mapping[SeriesKey, int]
) -> None:
    """Those that every batch touches: last in a transaction, so that others wait for a moment."""
    await _add(connection, counted, ids, _OF_ALL)


async def _add(
    connection: Connection,
    counted: Counts,
    ids: Mapping[SeriesKey, int],
    facets: Collection[Facet],
) -> None:
    for grain, places in counted.items():
        rows = _rows(places.items(), ids, facets)
        if rows:
            await connection.execute(_ADD[grain], *zip(*rows, strict=True))


def _rows(
    places: Iterable[tuple[Place, Counted]],
    ids: Mapping[SeriesKey, int],
    facets: Collection[Facet],
) -> list[tuple[int, int, int, int, int]]:
    return sorted(
        (ids[key], bucket, *sums) for (key, bucket), sums in places if key.facet in facets
    )

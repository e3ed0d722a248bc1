"""A day's counts, added up again from its hours while others go on adding.

Three statements, in this order:

1. a row for each series          whoever makes the same one is waited for
2. lock them, in order            so is whoever has added to one and not yet committed
3. only then read the hours       what is committed is seen; what is not adds itself on top after us
"""

from collections.abc import Collection
from typing import Final

from services.logging.partitions.spans import DAY
from shared.postgres.retrying import Connection

_AT_A_TIME: Final = 5_000
_MAKE: Final = """
INSERT INTO log_counts_day (series_id, bucket, rows, quota, tokens)
SELECT series_id, $2, 0, 0, 0 FROM unnest($1::bigint[]) AS series_id ON CONFLICT DO NOTHING
"""
_LOCK: Final = """
SELECT locked.series_id FROM unnest($1::bigint[]) AS asked (series_id)
CROSS JOIN LATERAL (
    SELECT series_id FROM log_counts_day AS d
    WHERE d.series_id = asked.series_id AND d.bucket = $2 FOR UPDATE
) AS locked
"""
_ADD_UP: Final = """
UPDATE log_counts_day AS d SET rows = h.rows, quota = h.quota, tokens = h.tokens
FROM (
    SELECT asked.series_id, coalesce(sum(rows), 0) AS rows, coalesce(sum(quota), 0) AS quota,
           coalesce(sum(tokens), 0) AS tokens
    FROM unnest($1::bigint[]) AS asked (series_id)
    LEFT JOIN log_counts_hour AS hours
        ON hours.series_id = asked.series_id AND hours.bucket >= $2 AND hours.bucket < $3
    GROUP BY 1
) AS h
WHERE d.series_id = h.series_id AND d.bucket = $2
"""
_FACETS: Final = "SELECT series_id FROM log_series WHERE series_id = ANY($1) AND facet = ANY($2)"


async def of_facets(
    connection: Connection, series: Collection[int], facets: Collection[int]
) -> list[int]:
    """Those of the series that are of these facets."""
    rows = await connection.fetch(_FACETS, list(series), [int(facet) for facet in facets])
    return [row["series_id"] for row in rows]


async def add_up_counts(connection: Connection, day: int, series: Collection[int]) -> None:
    """The day of each of the series. Its partition is there."""
    ordered = sorted(series)
    for start in range(0, len(ordered), _AT_A_TIME):
        part = ordered[start : start + _AT_A_TIME]
        await connection.execute(_MAKE, part, day)
        await connection.execute(_LOCK, part, day)
        await connection.execute(_ADD_UP, part, day, day + DAY)

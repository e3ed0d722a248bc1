"""The statement that counts what matches in given parts of time, by bucket. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from services.logging.buckets import Grain
from services.logging.ingest.counting import Facet
from services.logging.listing.conditions import within
from services.logging.listing.facets import series_condition
from services.logging.listing.filters import Filters
from services.logging.listing.grains import Part
from services.logging.listing.moments import Moment
from services.logging.listing.stretches import Stretch
from services.logging.statement_parts import Values, request_row

ROWS_BUCKET_S: Final = 3_600
"""Rows are told by the hour."""
_APART: Final = 4
"""Parts of one grain that have a query of their own; more are looked up one after the other."""
_TABLES: Final = {
    Grain.DAY: "log_counts_day",
    Grain.HOUR: "log_counts_hour",
    Grain.MINUTE: "log_counts_minute",
    Grain.SECOND: "log_counts_second",
}
_SUMS: Final = "sum(rows)::bigint, sum(quota)::bigint, sum(tokens)::bigint"
_ROW_SUMS: Final = (
    "count(*), sum(quota)::bigint,"
    " coalesce(sum(prompt_tokens::bigint + completion_tokens)"
    f" FILTER (WHERE {request_row()}), 0)::bigint"
)


def counting(
    filters: Filters, facet: Facet | None, parts: Sequence[Part], moment: Moment
) -> tuple[str, list[object]]:
    """The statement and its parameters.

    Its rows: the part's grain (0 where rows are counted), the part's lower end, the bucket, rows,
    quota, tokens of requests.
    `facet` may be None where all parts are to be counted from the rows.
    """
    values = Values()
    series = ""
    if facet is not None and any(part.grain is not None for part in parts):
        condition = series_condition(facet, filters, values)
        series = (
            f"WITH series AS MATERIALIZED (SELECT s.series_id FROM log_series AS s"
            f" WHERE {condition}) "
        )
    asked = _Asked(filters, moment, values)
    by_grain = sorted(parts, key=lambda part: (part.grain or 0, part.lower))
    arms: list[str] = []
    for grain, of_grain in groupby(by_grain, key=lambda part: part.grain):
        arms += _arms(grain, list(of_grain), asked)
    return series + " UNION ALL ".join(arms), list(values)


class _Asked(NamedTuple):
    filters: Filters
    moment: Moment
    values: Values


def _arms(grain: Grain | None, parts: Sequence[Part], asked: _Asked) -> Iterator[str]:
    values = asked.values
    if len(parts) <= _APART:
        for part in parts:
            lower = values.place(part.lower, "bigint")
            counted = _counted(grain, Stretch(part.lower, part.upper), asked)
            yield f"SELECT {grain or 0:d}, {lower}, found.* FROM ({counted}) AS found"
        return
    lowers = values.place([part.lower for part in parts], "bigint[]")
    uppers = values.place([part.upper for part in parts], "bigint[]")
    # Both ends of them all as well: they keep partitions out of the plan.
    around = Stretch(parts[0].lower, parts[-1].upper)
    time = "created_at" if grain is None else "bucket"
    each = f"{time} >= part.lower AND {time} < part.upper"
    yield (
        f"SELECT {grain or 0:d}, part.lower, found.* FROM unnest({lowers}, {uppers})"
        f" AS part (lower, upper) CROSS JOIN LATERAL ({_counted(grain, around, asked, each)})"
        " AS found"
    )


def _counted(grain: Grain | None, stretch: Stretch, asked: _Asked, each: str = "true") -> str:
    """By bucket, in the stretch; `each`: what else holds of the time."""
    filters, moment, values = asked
    if grain is None:
        clause = within(filters, stretch, values, hidden=moment.hidden)
        return (
            f"SELECT created_at - created_at % {ROWS_BUCKET_S} AS bucket, {_ROW_SUMS}"
            f" FROM logs WHERE {clause} AND {each} GROUP BY 1"
        )
    lower = values.place(stretch.lower, "bigint")
    upper = values.place(stretch.upper, "bigint")
    return (
        f"SELECT bucket, {_SUMS} FROM {_TABLES[grain]}"
        f" WHERE bucket >= {lower} AND bucket < {upper} AND {each}"
        " AND series_id = ANY(ARRAY(SELECT series_id FROM series)) GROUP BY bucket"
    )

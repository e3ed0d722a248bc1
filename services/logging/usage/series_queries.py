"""Sums over time, and the sketches of each point. Pure: values never enter the text."""

from collections.abc import Collection, Sequence

from services.logging.statement_parts import Values
from services.logging.usage.asked import Dimension
from services.logging.usage.measures import SKETCHES
from services.logging.usage.sources import COLUMNS, Name, Query, Wanted, source, sums
from services.logging.usage.spans import Points


def series(
    wanted: Wanted,
    points: Points,
    by: Dimension | None,
    names: Sequence[Name],
    metrics: Collection[str],
) -> Query:
    """The sums of each point and name."""
    is_site = wanted.is_of_site([] if by is None else [by], metrics)
    values = Values()
    table, condition, point, name = _pointed(values, wanted, points, by, names, is_site=is_site)
    return Query(
        f"SELECT {point} AS point, {name} AS name, {sums(is_site=is_site)}"
        f" FROM {table} WHERE {condition} GROUP BY 1, 2",
        values,
    )


def series_sketches(
    wanted: Wanted,
    points: Points,
    by: Dimension | None,
    names: Sequence[Name],
    most: int,
) -> Query:
    """The sketches of each point and name, one row each as it is stored; at most `most`."""
    is_site = wanted.is_of_site([] if by is None else [by], ())
    values = Values()
    table, condition, point, name = _pointed(values, wanted, points, by, names, is_site=is_site)
    return Query(
        f"SELECT {point} AS point, {name} AS name, {', '.join(SKETCHES)}"
        f" FROM {table} WHERE {condition} LIMIT {values.place(most, 'bigint')}",
        values,
    )


def _pointed(
    values: Values,
    wanted: Wanted,
    points: Points,
    by: Dimension | None,
    names: Sequence[Name],
    *,
    is_site: bool,
) -> tuple[str, str, str, str]:
    """Table, condition, the point's number from 0, and the name."""
    table, bucket, condition = source(values, wanted, points.stretch, is_site=is_site)
    point = f"width_bucket({bucket}, {values.place(list(points.bounds), 'bigint[]')}) - 1"
    if by is None:
        return table, condition, point, "NULL"
    column = COLUMNS[by]
    return table, f"{condition} AND {column} = ANY({values.place(list(names))})", point, column

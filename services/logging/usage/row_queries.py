"""Pages of the rollups' rows. Pure: values never enter the text."""

from collections.abc import Sequence

from services.logging.statement_parts import Values
from services.logging.usage.asked import Dimension
from services.logging.usage.measures import DISTINCT, SKETCHES
from services.logging.usage.places import Place
from services.logging.usage.sources import (
    COLUMNS,
    FINEST,
    MEASURED,
    Query,
    Wanted,
    source,
    sums,
)
from services.logging.usage.spans import Grain, Stretch


def rows(
    wanted: Wanted,
    stretch: Stretch,
    by: Sequence[Dimension],
    place: Place | None,
    limit: int,
) -> Query:
    """Rows as they are stored, or added up by some dimensions, newest first, after a place.

    What is added up has no sketches: see `row_sketches`.
    """
    values = Values()
    table, bucket, condition = source(values, wanted, stretch, is_site=False)
    columns = [COLUMNS[each] for each in (by or FINEST)]
    key = ", ".join((bucket, *columns))
    if place is not None:
        places = ", ".join(values.place(each) for each in (place.bucket, *place.names))
        condition += f" AND ({key}) < ({places})"
    order = ", ".join(f"{column} DESC" for column in (bucket, *columns))
    page = f"ORDER BY {order} LIMIT {values.place(limit, 'bigint')}"
    times = "min(created_at) AS created_at, max(updated_at) AS updated_at"
    if by:
        return Query(
            f"SELECT {bucket} AS bucket, {', '.join(columns)}, {sums(is_site=False)}, {times}"
            f" FROM {table} WHERE {condition} GROUP BY {key} {page}",
            values,
        )
    peak = ", peak_hour, peak_hour_requests" if stretch.grain is Grain.DAILY else ""
    kept = ", ".join((*MEASURED, *SKETCHES, "user_id", "created_at", "updated_at"))
    return Query(
        f"SELECT {bucket} AS bucket, {', '.join(columns)}, {kept}{peak},"
        f" least(request_count, 1) AS {DISTINCT}"
        f" FROM {table} WHERE {condition} {page}",
        values,
    )


def row_sketches(
    wanted: Wanted,
    stretch: Stretch,
    by: Sequence[Dimension],
    page: tuple[Place, Place],
    most: int,
) -> Query:
    """The sketches of the rows of a page, one row each as it is stored; at most `most`.

    `page`: its first row and its last, in the order of the page.
    """
    is_site = wanted.is_of_site(by, ())
    values = Values()
    table, bucket, condition = source(values, wanted, stretch, is_site=is_site)
    columns = [COLUMNS[each] for each in by]
    key = ", ".join((bucket, *columns))
    newest, oldest = (
        ", ".join(values.place(each) for each in (place.bucket, *place.names)) for place in page
    )
    return Query(
        f"SELECT {bucket} AS bucket, {', '.join((*columns, *SKETCHES))} FROM {table}"
        f" WHERE {condition} AND ({key}) <= ({newest}) AND ({key}) >= ({oldest})"
        f" LIMIT {values.place(most, 'bigint')}",
        values,
    )


def peaks(wanted: Wanted, by: Sequence[Dimension], stretch: Stretch) -> Query:
    """The hour of each day with the most requests, the earlier one of equals, by `by`."""
    values = Values()
    table, _, condition = source(values, wanted, stretch, is_site=False)
    columns = ", ".join(COLUMNS[each] for each in by)
    return Query(
        f"SELECT DISTINCT ON (day, {columns}) day, {columns}, (hour - day) / 3600 AS peak_hour,"
        " requests AS peak_hour_requests FROM ("
        f"SELECT hour / 86400 * 86400 AS day, {columns}, hour,"
        " sum(request_count)::bigint AS requests"
        f" FROM {table} WHERE {condition} GROUP BY {columns}, hour HAVING sum(request_count) > 0"
        f") AS hours ORDER BY day, {columns}, requests DESC, hour",
        values,
    )

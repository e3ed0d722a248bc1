"""Sums over a time as a whole, and the sketches of it. Pure: values never enter the text."""

from collections.abc import Sequence
from typing import Final

from services.logging.statement_parts import Values
from services.logging.usage.asked import Dimension, Order
from services.logging.usage.measures import DISTINCT, SKETCHES
from services.logging.usage.sources import (
    COLUMNS,
    MEASURED,
    Name,
    Query,
    Wanted,
    sums,
    united,
)
from services.logging.usage.spans import Stretch

_ORDERS: Final = {
    Order.SPEND: ("quota", "-returned_quota"),
    Order.REQUESTS: ("request_count",),
    Order.TOKENS: ("total_tokens_input", "total_tokens_output"),
    Order.ERRORS: ("error_count",),
}
"""What is added up."""


def largest(
    wanted: Wanted, stretches: Sequence[Stretch], by: Dimension, order: Order, limit: int
) -> Query:
    """The names of the `limit` largest, in their order: no more is read of all the others."""
    values = Values()
    measure = " + ".join(_ORDERS[order])
    columns = [f"{COLUMNS[by]} AS name", f"{measure} AS measure"]
    rows = united(values, wanted, stretches, columns, is_site=wanted.is_of_site([by], ()))
    return Query(
        f"SELECT name FROM ({rows}) AS rows GROUP BY name"
        f" ORDER BY sum(measure) DESC, name LIMIT {values.place(limit, 'bigint')}",
        values,
    )


def sums_of(
    wanted: Wanted, stretches: Sequence[Stretch], by: Dimension, names: Sequence[Name]
) -> Query:
    """The sums of each of these `name`s, in no order."""
    is_site = wanted.is_of_site([by], ())
    values = Values()
    columns = [f"{COLUMNS[by]} AS name", *MEASURED, *([] if is_site else ["api_key_id"])]
    rows = united(values, wanted, stretches, columns, is_site=is_site)
    return Query(
        f"SELECT name, {sums(is_site=is_site)} FROM ({rows}) AS rows"
        f" WHERE name = ANY({values.place(list(names))}) GROUP BY name",
        values,
    )


def total(wanted: Wanted, stretches: Sequence[Stretch]) -> Query:
    """One row of sums, without the distinct keys; none where there is nothing."""
    values = Values()
    is_site = wanted.is_of_site([], ())
    rows = united(values, wanted, stretches, MEASURED, is_site=is_site)
    return Query(f"SELECT {sums(is_site=True)} FROM ({rows}) AS rows HAVING count(*) > 0", values)


def keys(wanted: Wanted, stretches: Sequence[Stretch]) -> Query:
    """How many keys there are, without sorting them."""
    values = Values()
    rows = united(values, wanted, stretches, ["api_key_id", "request_count"], is_site=False)
    return Query(
        f"SELECT count(*) AS {DISTINCT} FROM (SELECT DISTINCT api_key_id FROM ({rows}) AS rows"
        " WHERE request_count > 0)"
        " AS keys",
        values,
    )


def sketches(
    wanted: Wanted,
    stretches: Sequence[Stretch],
    by: Dimension | None,
    names: Sequence[Name],
    most: int,
) -> Query:
    """The sketches of those names, one row each as it is stored; at most `most`."""
    is_site = wanted.is_of_site([] if by is None else [by], ())
    values = Values()
    name = "NULL" if by is None else COLUMNS[by]
    rows = united(values, wanted, stretches, [f"{name} AS name", *SKETCHES], is_site=is_site)
    chosen = "" if by is None else f" WHERE name = ANY({values.place(list(names))})"
    return Query(
        f"SELECT name, {', '.join(SKETCHES)} FROM ({rows}) AS rows{chosen}"
        f" LIMIT {values.place(most, 'bigint')}",
        values,
    )

"""From filters to conditions and their parameters. Pure: values never enter the text."""

from collections.abc import Sequence
from typing import Final

from services.logging.listing.filters import Filters
from services.logging.listing.moments import Hidden
from services.logging.listing.stretches import Stretch
from services.logging.requests.request_times import times_of
from services.logging.statement_parts import Values, is_like, request_row
from shared.events.ids import event_uuid

_EQUAL: Final = (
    ("user_id", "user_id", "bigint"),
    ("workspace_id", "workspace_id", "bigint"),
    ("token_id", "token_id", "bigint"),
    ("type", "type", "bigint"),
    ("username", "username", "text"),
    ("token_name", "token_name", "text"),
    ("channel_id", "channel_id", "bigint"),
    ("group", '"group"', "text"),
)
"""Filter, column, and the type of its parameter."""


def where(filters: Filters) -> tuple[str, list[object]]:
    """The clause, `true` where nothing is filtered, and the values of `$1`, `$2` and so on."""
    values = Values()
    terms = _terms(filters, values)
    if filters.start_timestamp is not None:
        terms.append(f"created_at >= {values.place(filters.start_timestamp, 'bigint')}")
    if filters.end_timestamp is not None:
        terms.append(f"created_at <= {values.place(filters.end_timestamp, 'bigint')}")
    return " AND ".join(terms) or "true", list(values)


def within(
    filters: Filters, stretch: Stretch, values: Values, *, hidden: Sequence[Hidden] = ()
) -> str:
    """The same for rows of a stretch, whatever range the filters name; without what is hidden.

    Both ends of `created_at` are there, each as one constant: that keeps the other partitions out
    of the plan.
    """
    terms = [
        f"created_at >= {values.place(stretch.lower, 'bigint')}",
        f"created_at < {values.place(stretch.upper, 'bigint')}",
        *_terms(filters, values),
    ]
    if hidden:
        workspaces = values.place([gone.workspace_id for gone in hidden], "bigint[]")
        times = values.place([gone.before for gone in hidden], "bigint[]")
        terms.append(
            f"NOT EXISTS (SELECT FROM unnest({workspaces}, {times}) AS gone (workspace, before)"
            " WHERE workspace = workspace_id AND created_at < before)"
        )
    return " AND ".join(terms)


def equalities(filters: Filters, values: Values, *, prefix: str = "") -> list[str]:
    """What is compared as it is."""
    return [
        f"{prefix}{column} = {values.place(value, kind)}"
        for name, column, kind in _EQUAL
        if (value := getattr(filters, name)) is not None
    ]


def model_condition(filters: Filters, values: Values, *, prefix: str = "") -> list[str]:
    """By one model's name, a pattern of names, or any of several."""
    terms = []
    if filters.model_name is not None:
        terms.append(is_like(f"{prefix}model_name", filters.model_name, values))
    if filters.model_names is not None:
        names = values.place(list(filters.model_names), "text[]")
        terms.append(f"{prefix}model_name = ANY({names})")
    return terms


def _terms(filters: Filters, values: Values) -> list[str]:
    terms = equalities(filters, values) + model_condition(filters, values)
    if filters.is_request:
        terms.append(request_row())
    if filters.request_id is not None:
        terms.append(_of_request(filters.request_id, values))
    if filters.upstream_request_id is not None:
        upstream = values.place(filters.upstream_request_id, "text")
        terms.append(f"upstream_request_id = {upstream} AND upstream_request_id <> ''")
    return terms


def _of_request(request_id: str, values: Values) -> str:
    """A request's row by the unique index, and what else has its id by partial ones.

    What was given back of its charge counts to the time of the request, whenever it was posted.
    """
    (began, ended), *_ = times_of(request_id)
    event_id = values.place(event_uuid(request_id), "uuid")
    named = f"request_id = {values.place(request_id, 'text')}"
    counts_from, counts_to = values.place(began, "bigint"), values.place(ended, "bigint")
    return (
        f"(event_id = {event_id} AND {named} OR {named} AND type NOT IN (2, 4)"
        f" OR {named} AND bucket_at >= {counts_from} AND bucket_at < {counts_to})"
    )

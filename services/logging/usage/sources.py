"""Which rollup has what is asked for, and the parts of each query of them. Pure.

The rows of everybody are in `usage_hourly` and `usage_daily`; where neither a filter nor a
dimension needs more than provider and model, `usage_site_*` has the same in a few hundred rows.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from services.logging.statement_parts import Values, is_like
from services.logging.usage.asked import Dimension, UsageQuery
from services.logging.usage.measures import DISTINCT, SUMS
from services.logging.usage.spans import Grain, Stretch

COLUMNS: Final = {
    Dimension.WORKSPACE: "workspace_id",
    Dimension.PROJECT: "project_id",
    Dimension.KEY: "api_key_id",
    Dimension.USER: "user_id",
    Dimension.PROVIDER: "provider_id",
    Dimension.MODEL: "model",
}
"""What a dimension is called in the tables."""
FINEST: Final = (
    Dimension.WORKSPACE,
    Dimension.KEY,
    Dimension.PROVIDER,
    Dimension.PROJECT,
    Dimension.MODEL,
)
"""What tells one row of a bucket from the others, in the order of the primary key."""
_OF_SITE: Final = frozenset({Dimension.PROVIDER, Dimension.MODEL})
_TABLES: Final = {
    (Grain.HOURLY, False): ("usage_hourly", "hour"),
    (Grain.DAILY, False): ("usage_daily", "day"),
    (Grain.HOURLY, True): ("usage_site_hourly", "hour"),
    (Grain.DAILY, True): ("usage_site_daily", "day"),
}
_EXTREMES: Final = (
    "min(min_latency_ms) AS min_latency_ms",
    "max(max_latency_ms) AS max_latency_ms",
)
MEASURED: Final = (*SUMS, "min_latency_ms", "max_latency_ms")
"""What is added up, and the two that are not."""
Name = int | str | None
"""What a row is told apart by: an id or a model; None where nothing is."""


# What a refund alone is known of was not used in that time.
_KEYS: Final = "count(DISTINCT api_key_id) FILTER (WHERE request_count > 0)"


class Query(NamedTuple):
    """A statement and the values of its `$1`, `$2` and so on."""

    text: str
    values: list[Any]


class Wanted(NamedTuple):
    """Whose usage: the query's filters, and for who is no admin their own id."""

    query: UsageQuery
    own_user_id: int | None = None

    def terms(self, values: Values) -> list[str]:
        """Conditions that all hold."""
        query = self.query
        user_id = query.user_id if self.own_user_id is None else self.own_user_id
        found = [
            f"{column} = {values.place(value, 'bigint')}"
            for column, value in (
                ("workspace_id", query.workspace_id),
                ("project_id", query.project_id),
                ("api_key_id", query.key_id),
                ("user_id", user_id),
                ("provider_id", query.provider_id),
            )
            if value is not None
        ]
        if query.model is not None:
            found.append(is_like("model", query.model, values))
        return found

    @property
    def is_of_everybody(self) -> bool:
        """Whether no workspace, project, key or user is named."""
        query = self.query
        narrow = (query.workspace_id, query.project_id, query.key_id, query.user_id)
        return self.own_user_id is None and all(each is None for each in narrow)

    def is_of_site(self, dimensions: Iterable[Dimension], metrics: Collection[str]) -> bool:
        """Whether the rollups by provider and model say it."""
        return self.is_of_everybody and set(dimensions) <= _OF_SITE and DISTINCT not in metrics


def source(
    values: Values, wanted: Wanted, stretch: Stretch, *, is_site: bool
) -> tuple[str, str, str]:
    """Table, its column of the bucket, and the condition."""
    table, bucket = _TABLES[stretch.grain, is_site]
    terms = [
        f"{bucket} >= {values.place(stretch.lower, 'bigint')}",
        f"{bucket} < {values.place(stretch.upper, 'bigint')}",
        *wanted.terms(values),
    ]
    return table, bucket, " AND ".join(terms)


def sums(*, is_site: bool) -> str:
    """The columns of a row of sums; those of the site know no keys."""
    distinct = "NULL::bigint" if is_site else _KEYS
    return ", ".join(
        (
            *(f"sum({name})::bigint AS {name}" for name in SUMS),
            *_EXTREMES,
            f"{distinct} AS {DISTINCT}",
        )
    )


def united(
    values: Values,
    wanted: Wanted,
    stretches: Sequence[Stretch],
    columns: Sequence[str],
    *,
    is_site: bool,
) -> str:
    """The rows of several stretches, with those columns."""
    parts = []
    for stretch in stretches:
        table, _, condition = source(values, wanted, stretch, is_site=is_site)
        parts.append(f"SELECT {', '.join(columns)} FROM {table} WHERE {condition}")
    return " UNION ALL ".join(parts)

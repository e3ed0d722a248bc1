"""What each table says of the hours of a stretch, added up by the database. In one snapshot."""

from collections.abc import Mapping
from typing import Any, Final

from services.logging.ingest.store_checks import DELETED_SLOT
from services.logging.ingest.usage_adding import SUMMED
from services.logging.statement_parts import request_row
from shared.postgres.retrying import Connection

Sums = Mapping[int, Mapping[str, Any]]
"""By the first second of the bucket."""
_IS_REQUEST: Final = request_row()
# The last 8 bytes of the id, as `ingest.checks.mark_of` has them.
_MARK: Final = "('x' || translate(right(event_id::text, 17), '-', ''))::bit(64)::bigint"
_ROWS: Final = f"""
SELECT created_at / 3600 * 3600 AS bucket, count(*) AS rows, sum(quota)::bigint AS quota,
       sum(prompt_tokens::bigint + completion_tokens)::bigint AS tokens, bit_xor(mark) AS marks,
       count(*) FILTER (WHERE is_request) AS requests,
       (sum(quota) FILTER (WHERE is_request))::bigint AS request_quota,
       bit_xor(mark) FILTER (WHERE is_request) AS request_marks
FROM (
    SELECT created_at, quota, prompt_tokens, completion_tokens, {_IS_REQUEST} AS is_request,
           {_MARK} AS mark
    FROM logs WHERE created_at >= $1 AND created_at < $2
) AS rows GROUP BY 1
"""
_CHECKS: Final = """
SELECT bucket, sum(rows)::bigint AS rows, sum(quota)::bigint AS quota,
       sum(tokens)::bigint AS tokens, bit_xor(marks) AS marks,
       sum(requests)::bigint AS requests, sum(request_quota)::bigint AS request_quota,
       bit_xor(request_marks) AS request_marks
FROM log_checks WHERE bucket >= $1 AND bucket < $2 AND slot <> ALL($3::smallint[]) GROUP BY 1
"""
_COUNTS: Final = """
SELECT bucket / 3600 * 3600 AS bucket, facet, sum(rows)::bigint AS rows,
       sum(quota)::bigint AS quota, sum(tokens)::bigint AS tokens
FROM {table} JOIN log_series USING (series_id)
WHERE bucket >= $1 AND bucket < $2 GROUP BY 1, 2
"""
_DIFFERING_DAYS: Final = """
SELECT facet, count(*) AS series, sum(coalesce(h.rows, 0))::bigint AS hours,
       sum(coalesce(d.rows, 0))::bigint AS day
FROM (
    SELECT series_id, sum(rows) AS rows, sum(quota) AS quota, sum(tokens) AS tokens
    FROM log_counts_hour WHERE bucket >= $1 AND bucket < $1 + 86400 GROUP BY 1
) AS h
FULL JOIN (
    SELECT series_id, rows, quota, tokens FROM log_counts_day WHERE bucket = $1
) AS d USING (series_id)
JOIN log_series USING (series_id)
WHERE (coalesce(h.rows, 0), coalesce(h.quota, 0), coalesce(h.tokens, 0))
      <> (coalesce(d.rows, 0), coalesce(d.quota, 0), coalesce(d.tokens, 0))
GROUP BY facet
"""
_USAGE: Final = """
SELECT hour AS bucket, sum(request_count)::bigint AS requests, sum(quota)::bigint AS request_quota,
       bit_xor(marks) AS request_marks, sum(returned_quota)::bigint AS returned_quota
FROM usage_hourly WHERE hour >= $1 AND hour < $2 GROUP BY 1
"""
_RETURNED: Final = """
SELECT bucket_at / 3600 * 3600 AS bucket, -sum(quota)::bigint AS returned_quota
FROM logs WHERE bucket_at >= $1 AND bucket_at < $2 GROUP BY 1
"""


async def rows(connection: Connection, lower: int, upper: int) -> Sums:
    """The log itself."""
    return _by_bucket(await connection.fetch(_ROWS, lower, upper))


async def checks(
    connection: Connection, lower: int, upper: int, *, with_deleted: bool = True
) -> Sums:
    """What was written, less what was deleted; or all that ever was written."""
    leaving_out = [] if with_deleted else [DELETED_SLOT]
    return _by_bucket(await connection.fetch(_CHECKS, lower, upper, leaving_out))


async def counts(
    connection: Connection, table: str, lower: int, upper: int
) -> dict[int, dict[int, Mapping[str, Any]]]:
    """The counts of a grain by hour and facet."""
    found: dict[int, dict[int, Mapping[str, Any]]] = {}
    for row in await connection.fetch(_COUNTS.format(table=table), lower, upper):
        found.setdefault(row["bucket"], {})[row["facet"]] = dict(row)
    return found


async def differing_days(connection: Connection, day: int) -> list[Mapping[str, Any]]:
    """By facet, how many series have another day than their hours add up to."""
    return [dict(row) for row in await connection.fetch(_DIFFERING_DAYS, day)]


async def usage(connection: Connection, lower: int, upper: int) -> Sums:
    """The finest usage by hour."""
    return _by_bucket(await connection.fetch(_USAGE, lower, upper))


async def returned(connection: Connection, lower: int, upper: int) -> Sums:
    """What rows say was given back of an hour's use."""
    return _by_bucket(await connection.fetch(_RETURNED, lower, upper))


def _by_bucket(found: list[Any]) -> Sums:
    return {row["bucket"]: dict(row) for row in found}


_KEY: Final = "workspace_id, api_key_id, provider_id, project_id, model"
_SITE: Final = "provider_id, model"
_ADDED: Final = ", ".join(
    (
        *(f"sum({name})::bigint AS {name}" for name in SUMMED),
        *("min(min_latency_ms) AS min_latency_ms", "max(max_latency_ms) AS max_latency_ms"),
        "bit_xor(marks) AS marks",
    )
)
_PLAIN: Final = ", ".join((*SUMMED, "min_latency_ms", "max_latency_ms", "marks"))


def _differing(fine: str, at: str, coarse: str, bucket: str, key: str) -> str:
    """How many rows of `coarse` are not what those of `fine` add up to."""
    each = f"{_PLAIN}"
    return f"""
SELECT bucket, count(*) AS rows, sum(coalesce(fine.request_count, 0))::bigint AS fine,
       sum(coalesce(coarse.request_count, 0))::bigint AS coarse
FROM (
    SELECT {at} AS bucket, {key}, {_ADDED} FROM {fine}
    WHERE hour >= $1 AND hour < $2 GROUP BY 1, {key}
) AS fine
FULL JOIN (
    SELECT {bucket} AS bucket, {key}, {each} FROM {coarse}
    WHERE {bucket} >= $1 AND {bucket} < $2
) AS coarse USING (bucket, {key})
WHERE ({_of("fine")}) IS DISTINCT FROM ({_of("coarse")})
GROUP BY bucket
"""


def _of(side: str) -> str:
    return ", ".join(f"{side}.{name}" for name in _PLAIN.split(", "))


_DAY_S: Final = 86_400
_DAY: Final = "hour / 86400 * 86400"
_HOURS_OF_SITE: Final = _differing("usage_hourly", "hour", "usage_site_hourly", "hour", _SITE)
_DAYS: Final = _differing("usage_hourly", _DAY, "usage_daily", "day", _KEY)
_DAYS_OF_SITE: Final = _differing("usage_site_hourly", _DAY, "usage_site_daily", "day", _SITE)


async def differing_site_hours(
    connection: Connection, lower: int, upper: int
) -> list[Mapping[str, Any]]:
    """Hours of all keys together that are not what the keys add up to."""
    return [dict(row) for row in await connection.fetch(_HOURS_OF_SITE, lower, upper)]


async def differing_usage_days(
    connection: Connection, day: int
) -> list[tuple[str, Mapping[str, Any]]]:
    """Days that are not what their hours add up to, by table."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for table, query in (("usage_daily", _DAYS), ("usage_site_daily", _DAYS_OF_SITE)):
        found += [(table, dict(row)) for row in await connection.fetch(query, day, day + _DAY_S)]
    return found

"""The counts of a table of rows, made anew from all of them: plainly, and slowly."""

from typing import Final

from services.logging.partitions.spans import (
    COUNTS_BY_DAY,
    COUNTS_BY_HOUR,
    COUNTS_BY_MINUTE,
    usual_span,
)
from services.logging.partitions.store_partitions import ensure
from shared.postgres.retrying import Connection

_REQUEST: Final = "type IN (2, 4) AND \"group\" <> ''"
_NONE: Final = {
    "workspace_id": "0",
    "user_id": "0",
    "username": "''",
    "token_id": "0",
    "token_name": "''",
    "model_name": "''",
    "channel_id": "0",
    '"group"': "''",
}
_SITE: Final = ("model_name", "channel_id", '"group"')
_FACETS: Final = (
    {'"group"': f"CASE WHEN {_REQUEST} THEN '*' ELSE '' END"},
    {name: name for name in _SITE},
    {name: name for name in (*_SITE, "token_name")},
    {name: name for name in _NONE},
)
_TABLES: Final = {
    ("log_counts_day", 86_400): (0, 1, 2, 3),
    ("log_counts_hour", 3_600): (0, 1, 2, 3),
    ("log_counts_minute", 60): (0, 1, 3),
    ("log_counts_second", 1): (0, 1),
}
_PARENTS: Final = {
    "log_counts_day": COUNTS_BY_DAY,
    "log_counts_hour": COUNTS_BY_HOUR,
    "log_counts_minute": COUNTS_BY_MINUTE,
}


async def count_again(connection: Connection) -> None:
    """Count every row of `logs` into its series and buckets, whatever was counted before."""
    state = await connection.fetchrow("SELECT minutes_from, seconds_from FROM log_state")
    assert state is not None
    since = {"log_counts_minute": state["minutes_from"], "log_counts_second": state["seconds_from"]}
    times = [row[0] for row in await connection.fetch("SELECT DISTINCT created_at FROM logs")]
    for facet, taken in enumerate(_FACETS):
        columns = ", ".join(taken.get(name, none) for name, none in _NONE.items())
        await connection.execute(
            f"INSERT INTO log_series (facet, type, {', '.join(_NONE)})"
            f" SELECT DISTINCT {facet}, type, {columns} FROM logs ON CONFLICT DO NOTHING"
        )
    for (table, size_s), facets in _TABLES.items():
        if table in _PARENTS:
            for span in {usual_span(_PARENTS[table], at, partition_hours=24) for at in times}:
                await ensure(connection, _PARENTS[table], span)
        await connection.execute(f"DELETE FROM {table}")
        for facet in facets:
            same = " AND ".join(f"s.{name} = logs_of.{name}" for name in ("type", *_NONE))
            columns = ", ".join(
                f"{_FACETS[facet].get(name, none)} AS {name}" for name, none in _NONE.items()
            )
            await connection.execute(
                f"INSERT INTO {table} (series_id, bucket, rows, quota, tokens)"
                f" SELECT series_id, created_at / {size_s} * {size_s}, count(*), sum(quota),"
                " sum(tokens)"
                f" FROM (SELECT created_at, type, {columns}, quota, CASE WHEN {_REQUEST}"
                " THEN prompt_tokens::bigint + completion_tokens ELSE 0 END AS tokens"
                " FROM logs WHERE created_at >= $1) AS logs_of"
                f" JOIN log_series AS s ON s.facet = {facet} AND {same} GROUP BY 1, 2",
                since.get(table, 0),
            )

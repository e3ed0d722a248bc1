"""Where usage begins, and deleting what lies before. The caller owns the transactions."""

from typing import Final, NamedTuple

from shared.postgres.retrying import Connection

_STARTS: Final = "SELECT refuse_before, usage_hourly_from, usage_daily_from FROM log_state"
_MOVE: Final = """
UPDATE log_state SET usage_hourly_from = greatest(usage_hourly_from, $1),
                     usage_daily_from = greatest(usage_daily_from, $2)
"""
_SWEEP: Final = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} WHERE {time} < $1 ORDER BY {time} LIMIT $2
))
"""
_HOURLY: Final = tuple(
    _SWEEP.format(table=table, time=time)
    for table, time in (("usage_site_hourly", "hour"), ("log_checks", "bucket"))
)
_DAILY: Final = tuple(
    _SWEEP.format(table=table, time="day") for table in ("usage_daily", "usage_site_daily")
)


class Starts(NamedTuple):
    """From when on there are rows, usage by the hour and usage by the day (Unix seconds)."""

    logs: int
    usage_hourly: int
    usage_daily: int


async def starts(connection: Connection) -> Starts:
    """As `log_state` has them."""
    row = await connection.fetchrow(_STARTS)
    assert row is not None  # noqa: S101 - migration 0003 made the row
    return Starts(*row)


async def move_usage(connection: Connection, *, hourly: int, daily: int) -> None:
    """Begin usage later; never earlier than before. Repeatable."""
    await connection.execute(_MOVE, hourly, daily)


async def sweep(connection: Connection, starts_at: Starts, *, limit: int) -> int:
    """Delete up to `limit` rows of each table that lie before; answers the most of one table."""
    most = 0
    for statements, before in ((_HOURLY, starts_at.usage_hourly), (_DAILY, starts_at.usage_daily)):
        for statement in statements:
            status: str = await connection.execute(statement, before, limit)
            most = max(most, int(status.rpartition(" ")[2]))
    return most

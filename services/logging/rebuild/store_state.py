"""What can be compared and rebuilt of a stretch of hours, as the tables stand."""

from dataclasses import dataclass
from typing import Final

from services.logging.ingest.store_checks import DELETED_SLOT
from shared.postgres.retrying import Connection

_STATE: Final = """
SELECT refuse_before, minutes_from, seconds_from, usage_hourly_from, usage_daily_from FROM log_state
"""
_DIRTY: Final = "SELECT bucket FROM log_dirty_hours WHERE bucket >= $1 AND bucket < $2"
_DELETED: Final = """
SELECT DISTINCT bucket FROM log_checks WHERE bucket >= $1 AND bucket < $2 AND slot = $3
"""
# Each of these is read from the end of an index, or from the catalogue.
_FIRST: Final = """
SELECT least(
    (SELECT min(created_at) FROM logs),
    (SELECT min(bucket) FROM log_dirty_hours),
    (SELECT min(hour) FROM usage_hourly),
    (SELECT min(lower) FROM log_partitions WHERE parent = 'log_counts_hour')
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildState:
    """Horizons in Unix seconds, and hours by their first second."""

    refuse_before: int
    """Rows before are gone, or about to be."""
    minutes_from: int
    seconds_from: int
    usage_hourly_from: int
    usage_daily_from: int
    dirty: frozenset[int]
    """Hours that wait to be rebuilt."""
    deleted: frozenset[int]
    """Hours of which a workspace's rows were deleted."""

    def has_all_rows(self, hour: int) -> bool:
        """Whether no row of the hour was deleted: then its usage can be told from rows."""
        return hour >= self.refuse_before and hour not in self.deleted


async def first_kept(connection: Connection) -> int | None:
    """The first second of which there may be a row, a count or usage; None: there is nothing."""
    first: int | None = await connection.fetchval(_FIRST)
    return first


async def state(connection: Connection, lower: int, upper: int) -> RebuildState:
    """Of the hours from `lower` up to `upper`."""
    (row,) = await connection.fetch(_STATE)
    dirty = await connection.fetch(_DIRTY, lower, upper)
    deleted = await connection.fetch(_DELETED, lower, upper, DELETED_SLOT)
    return RebuildState(
        refuse_before=row["refuse_before"],
        minutes_from=row["minutes_from"],
        seconds_from=row["seconds_from"],
        usage_hourly_from=row["usage_hourly_from"],
        usage_daily_from=row["usage_daily_from"],
        dirty=frozenset(each["bucket"] for each in dirty),
        deleted=frozenset(each["bucket"] for each in deleted),
    )

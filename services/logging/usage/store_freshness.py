"""`log_freshness`: up to when the tables are complete. The caller owns the transaction."""

from collections.abc import Iterable, Sequence
from typing import Final

from services.logging.usage.freshness import Freshness
from services.logging.usage.spans import Grain, Stretch, kept_from
from shared.events.catalog import RELAY_REQUESTS
from shared.postgres.retrying import Connection

_APPLIED: Final = """
SELECT partition, next_offset FROM consumer_watermarks WHERE consumer_group = $1 AND topic = $2
"""
# Each process writes it: whoever knows of a later time is right, for all.
_NOTE: Final = """
INSERT INTO log_freshness AS known (topic, complete_until, checked_at, held_back_by)
VALUES ($1, $2, now(), $3)
ON CONFLICT (topic) DO UPDATE
SET complete_until = greatest(known.complete_until, excluded.complete_until),
    checked_at = excluded.checked_at, held_back_by = excluded.held_back_by
"""
_READ: Final = """
SELECT coalesce(complete_until, 0) AS complete_until, coalesce(held_back_by, '{}') AS held_back_by,
       usage_hourly_from, usage_daily_from
FROM log_state LEFT JOIN log_freshness ON topic = $1
"""


async def applied_offsets(connection: Connection, group: str) -> dict[int, int]:
    """The next offset of each partition of `relay.requests`, of all processes of the group."""
    rows = await connection.fetch(_APPLIED, group, RELAY_REQUESTS.name)
    return {row["partition"]: row["next_offset"] for row in rows}


async def note_freshness(
    connection: Connection, complete_until: int, held_back_by: Sequence[str]
) -> None:
    """Move the mark up; it never goes down. Repeatable."""
    await connection.execute(_NOTE, RELAY_REQUESTS.name, complete_until, list(held_back_by))


async def freshness(connection: Connection, stretches: Iterable[Stretch]) -> Freshness:
    """What holds in the caller's snapshot, of an answer from these stretches."""
    (row,) = await connection.fetch(_READ, RELAY_REQUESTS.name)
    begins = {Grain.HOURLY: row["usage_hourly_from"], Grain.DAILY: row["usage_daily_from"]}
    return Freshness(
        row["complete_until"], tuple(row["held_back_by"]), kept_from(stretches, begins)
    )

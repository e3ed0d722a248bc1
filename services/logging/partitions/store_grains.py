"""From when on there are counts by minute and by second. The caller owns the transactions."""

from typing import Final

from services.logging.ingest import gate
from shared.postgres.retrying import Connection

_MOVE: Final = """
UPDATE log_state SET minutes_from = greatest(minutes_from, $1),
                     seconds_from = greatest(seconds_from, $2)
"""
_SWEEP: Final = """
DELETE FROM log_counts_second WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM log_counts_second WHERE bucket < $1 ORDER BY bucket LIMIT $2
))
"""


async def move(connection: Connection, *, minutes_from: int, seconds_from: int) -> None:
    """Read and write these grains no more before these times, from the commit on. Repeatable.

    Waits for the batches that are being written.
    """
    await gate.close(connection)
    await connection.execute(_MOVE, minutes_from, seconds_from)


async def sweep_seconds(connection: Connection, *, before: int, limit: int) -> int:
    """Delete up to `limit` counts by second that nobody reads any more; answers how many."""
    status: str = await connection.execute(_SWEEP, before, limit)
    return int(status.rpartition(" ")[2])

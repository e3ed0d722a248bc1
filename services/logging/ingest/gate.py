"""Who may write rows of which time: the gate before all, and a lock for each hour.

Batches enter the gate together; who moves a horizon, or drops a partition, closes it: it waits for
the batches under way, and new ones wait for it. Both are held until the transaction ends. Whoever
takes several of these locks takes the gate first, then the hours in order, then rows: no cycle.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from shared.postgres.retrying import Connection

_HOUR: Final = 3_600
_KEY: Final = "hashtextextended('logging.gate', 0)"
_ENTER: Final = f"SELECT pg_advisory_xact_lock_shared({_KEY})"
_CLOSE: Final = f"SELECT pg_advisory_xact_lock({_KEY})"
_STATE: Final = "SELECT refuse_before, minutes_from, seconds_from, epoch FROM log_state"
_HOURS_KEY: Final = 7_001
_LOCK_HOURS: Final = f"""
SELECT count({{function}}({_HOURS_KEY}, hour)) FROM unnest($1::integer[]) AS hour
"""
_SHARED_HOURS: Final = _LOCK_HOURS.format(function="pg_advisory_xact_lock_shared")
_WHOLE_HOURS: Final = _LOCK_HOURS.format(function="pg_advisory_xact_lock")


class State(NamedTuple):
    """The columns of `log_state`, as they are while the gate is held."""

    refuse_before: int
    minutes_from: int
    seconds_from: int
    epoch: int


async def enter(connection: Connection) -> State:
    """Enter together with others who write."""
    await connection.execute(_ENTER)
    return await state(connection)


async def close(connection: Connection) -> State:
    """Keep everybody else out. Keep it short."""
    await connection.execute(_CLOSE)
    return await state(connection)


async def state(connection: Connection) -> State:
    """What `log_state` says. Asked after the lock, in a statement of its own, it is the newest."""
    row = await connection.fetchrow(_STATE)
    assert row is not None  # noqa: S101 - migration 0003 made the row
    return State(*row)


async def lock_hours(
    connection: Connection, times: Iterable[int], *, exclusive: bool = False
) -> None:
    """Lock the hours of these times: together with others who add to them, or alone to rebuild."""
    hours = sorted({time // _HOUR for time in times})
    if hours:
        await connection.execute(_WHOLE_HOURS if exclusive else _SHARED_HOURS, hours)

"""The partitions that there are, made and dropped by the owner's functions (migration 0003)."""

from typing import Final, NamedTuple

from services.logging.partitions.spans import Span
from shared.postgres.retrying import Connection

FOREVER_AGO: Final = -(2**62)
"""The lower bound of a partition that has none."""
_PARTITIONS: Final = """
SELECT name, lower, upper FROM log_partitions WHERE parent = $1 ORDER BY upper
"""
# -1 where it was never vacuumed nor analysed: new, or nearly empty.
_MOST_ROWS: Final = """
SELECT coalesce(max(greatest(reltuples, 0)), 0)::bigint
FROM log_partitions JOIN pg_class
    ON relname = name AND relnamespace = current_schema()::regnamespace
WHERE parent = $1 AND upper > $2
"""
_ENSURE: Final = "SELECT ensure_partition($1, $2, $3)"
_DROP: Final = "SELECT drop_partition($1, $2)"


class Partition(NamedTuple):
    """One of a table's partitions."""

    name: str
    span: Span


async def partitions(connection: Connection, parent: str) -> list[Partition]:
    """Those of `parent`, the oldest first."""
    rows = await connection.fetch(_PARTITIONS, parent)
    return [
        Partition(
            row["name"],
            Span(FOREVER_AGO if row["lower"] is None else row["lower"], row["upper"]),
        )
        for row in rows
    ]


async def most_rows(connection: Connection, parent: str, *, since: int) -> int:
    """The rows of the largest partition that ends after `since`, as the server estimates them.

    It reads no row; the estimate is of the last (automatic) vacuum or analyse.
    """
    return int(await connection.fetchval(_MOST_ROWS, parent, since))


async def ensure(connection: Connection, parent: str, span: Span) -> bool:
    """Make a partition; False where one holds all of the span already. Repeatable.

    Until the transaction ends nobody else makes or drops one: use a short one.
    """
    return bool(await connection.fetchval(_ENSURE, parent, *span))


async def drop(connection: Connection, parent: str, name: str) -> bool:
    """Drop a partition that lies before its table's horizon; False where it is gone. Repeatable.

    Raises asyncpg.LockNotAvailableError when others use the table: try again in a moment. Raises
    asyncpg.ObjectNotInPrerequisiteStateError when its time does not lie before the horizon.
    """
    return bool(await connection.fetchval(_DROP, parent, name))

"""Deleting what nobody is shown any more. The caller owns the transactions."""

from typing import Final, NamedTuple

from services.logging.partitions.store_partitions import Partition
from shared.postgres.retrying import Connection

_UNHURRIED: Final = "SELECT set_config('statement_timeout', '0', true)"
_QUOTED: Final = "SELECT quote_ident($1)"
_COUNT: Final = "SELECT count(*) FROM ONLY {table}"
_DELETE: Final = """
WITH gone AS (
    DELETE FROM ONLY {table} WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM ONLY {table}
        WHERE created_at < $1 AND created_at >= $2 AND (created_at, id) > ($2, $3)
        ORDER BY created_at, id LIMIT $4
    )) RETURNING created_at, id
)
SELECT created_at, id, count(*) OVER () AS rows FROM gone ORDER BY created_at DESC, id DESC LIMIT 1
"""


class Place(NamedTuple):
    """A row's place in the order of age."""

    created_at: int
    row_id: int


class Deleted(NamedTuple):
    """How many went, and the place of the last."""

    rows: int
    passed: Place


FROM_THE_OLDEST: Final = Place(-(2**63), 0)


async def count_rows(connection: Connection, partition: Partition) -> int:
    """The rows of a partition, however long it takes; what is before the horizon is not changed.

    In a transaction. Its lock is the partition's alone: nobody waits for it.
    """
    await connection.execute(_UNHURRIED)
    return int(await connection.fetchval(_COUNT.format(table=await quoted(connection, partition))))


async def delete_some(
    connection: Connection, partition: Partition, *, before: int, after: Place, limit: int
) -> Deleted:
    """Delete up to `limit` of the oldest rows of a partition that are behind `after`."""
    statement = _DELETE.format(table=await quoted(connection, partition))
    last = await connection.fetchrow(statement, before, *after, limit)
    if last is None:
        return Deleted(0, after)
    return Deleted(last["rows"], Place(last["created_at"], last["id"]))


async def quoted(connection: Connection, partition: Partition) -> str:
    """A partition's name as SQL may hold it."""
    return str(await connection.fetchval(_QUOTED, partition.name))

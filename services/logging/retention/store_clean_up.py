"""Deleting from `logs`, some rows at a time. The caller owns the transactions."""

from typing import Final, NamedTuple

from shared.audit.actions import Actor, record_action
from shared.postgres.retrying import Connection

SOURCE: Final = "ledgerline/logging"
_BEGIN: Final = """
INSERT INTO log_clean_ups (target_timestamp, started_by) VALUES ($1, $2) RETURNING id
"""
# One at a time: two that chose the same rows would each count what only one deletes.
_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended('logging.clean_up', 0))"
_DELETE: Final = """
WITH chosen AS (
    SELECT created_at, id FROM logs
    WHERE created_at < $1 AND (created_at, id) > ($2, $3)
    ORDER BY created_at, id LIMIT $4
), gone AS (
    DELETE FROM logs USING chosen WHERE logs.id = chosen.id RETURNING 1
), counted AS (
    UPDATE log_clean_ups SET deleted_rows = deleted_rows + (SELECT count(*) FROM gone)
    WHERE id = $5
)
SELECT created_at, id FROM chosen ORDER BY created_at DESC, id DESC LIMIT 1
"""
_FINISH: Final = """
UPDATE log_clean_ups SET finished_at = now() WHERE id = $1 RETURNING deleted_rows
"""


class Place(NamedTuple):
    """A row's place in the order of age."""

    created_at: int
    row_id: int


class Phase(NamedTuple):
    """How far one phase came; None where there was nothing left behind it."""

    passed: Place | None


FROM_THE_OLDEST: Final = Place(-(2**63), 0)


async def begin(connection: Connection, *, timestamp: int, actor: Actor) -> int:
    """Note that rows before `timestamp` are about to go, and by whom; answers the note's id."""
    clean_up_id = int(await connection.fetchval(_BEGIN, timestamp, actor.user_id))
    await record_action(
        connection,
        actor,
        "log.delete",
        source=SOURCE,
        resource_id=clean_up_id,
        changes={"target_timestamp": timestamp},
    )
    return clean_up_id


async def delete_some(
    connection: Connection, *, clean_up_id: int, timestamp: int, after: Place, limit: int
) -> Phase:
    """Delete up to `limit` of the oldest rows behind `after`, and count them in the note."""
    await connection.execute(_TURN)
    last = await connection.fetchrow(_DELETE, timestamp, *after, limit, clean_up_id)
    return Phase(None if last is None else Place(*last))


async def finish(connection: Connection, *, clean_up_id: int) -> int:
    """Note that it is done; answers how many rows it deleted."""
    return int(await connection.fetchval(_FINISH, clean_up_id))

"""`log_retention`: workspaces that keep their rows for a shorter time. The caller commits."""

from typing import Any, Final

from services.logging.retention.store_clean_ups import wake
from shared.audit.actions import Actor, record_action
from shared.postgres.retrying import Connection

SOURCE: Final = "ledgerline/logging"
_SHOWN: Final = """
SELECT workspace_id, logs_days, updated_by,
       floor(extract(epoch FROM updated_at))::bigint AS updated_at
FROM log_retention
"""
_SET: Final = """
INSERT INTO log_retention (workspace_id, logs_days, updated_by) VALUES ($1, $2, $3)
ON CONFLICT (workspace_id) DO UPDATE
SET logs_days = EXCLUDED.logs_days, updated_by = EXCLUDED.updated_by, updated_at = now()
"""
_REMOVE: Final = "DELETE FROM log_retention WHERE workspace_id = $1 RETURNING logs_days"
Row = dict[str, Any]
"""Column to value."""


async def find(connection: Connection, workspace_id: int) -> Row | None:
    """A workspace's own period; None where the site's holds."""
    row = await connection.fetchrow(f"{_SHOWN} WHERE workspace_id = $1", workspace_id)
    return None if row is None else dict(row)


async def page(connection: Connection, *, limit: int, offset: int) -> tuple[list[Row], int]:
    """Those that have one, by id, and how many there are."""
    total = int(await connection.fetchval("SELECT count(*) FROM log_retention"))
    rows = await connection.fetch(
        f"{_SHOWN} ORDER BY workspace_id LIMIT $1 OFFSET $2", limit, offset
    )
    return [dict(row) for row in rows], total


async def put(connection: Connection, *, workspace_id: int, days: int, actor: Actor) -> Row:
    """Keep the workspace's rows for so many days, from now on. Repeatable."""
    await connection.execute(_SET, workspace_id, days, actor.user_id)
    await _tell(connection, actor, "update", workspace_id, days)
    await wake(connection)
    found = await find(connection, workspace_id)
    assert found is not None  # noqa: S101 - it was written in this transaction
    return found


async def remove(connection: Connection, *, workspace_id: int, actor: Actor) -> bool:
    """Keep its rows for as long as the site's; False where it was so."""
    days = await connection.fetchval(_REMOVE, workspace_id)
    if days is None:
        return False
    await _tell(connection, actor, "delete", workspace_id, days)
    return True


async def _tell(
    connection: Connection, actor: Actor, verb: str, workspace_id: int, days: int
) -> None:
    await record_action(
        connection,
        actor,
        f"log_retention.{verb}",
        source=SOURCE,
        resource_id=workspace_id,
        workspace_id=workspace_id,
        changes={"logs_days": days},
    )

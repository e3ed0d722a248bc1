"""Workspaces whose period is over, and deleting their rows. The caller owns the transactions."""

from typing import Final, NamedTuple

import asyncpg

from services.logging.ingest import gate
from services.logging.partitions.store_partitions import Partition
from services.logging.retention.periods import DAY_S
from services.logging.retention.store_deleting import Place, quoted
from services.logging.rows.rows import LogRow
from shared.postgres.retrying import Connection

# Where the last one goes on the next one waits: its horizon would hide what is not noted.
_DUE: Final = f"""
SELECT r.workspace_id, $1::bigint - r.logs_days * {DAY_S}::bigint AS target
FROM log_retention AS r LEFT JOIN log_workspace_horizons AS h USING (workspace_id)
CROSS JOIN log_state AS s
WHERE $1::bigint - r.logs_days * {DAY_S}::bigint
          > greatest(s.refuse_before, coalesce(h.refuse_before, 0))
  AND NOT EXISTS (
      SELECT FROM log_clean_ups AS c
      WHERE c.finished_at IS NULL AND c.workspace_id = r.workspace_id
  )
ORDER BY r.workspace_id LIMIT $2
"""
_HORIZONS: Final = f"""
INSERT INTO log_workspace_horizons AS kept (workspace_id, refuse_before)
SELECT workspace_id, target FROM ({_DUE}) AS due
ON CONFLICT (workspace_id) DO UPDATE
SET refuse_before = greatest(kept.refuse_before, EXCLUDED.refuse_before)
RETURNING workspace_id, refuse_before
"""
_NOTE: Final = """
INSERT INTO log_clean_ups (kind, workspace_id, target_timestamp, started_by, rows_expected)
SELECT 'workspace', due.workspace_id, due.target, 0, (
    SELECT coalesce(sum(c.rows), 0) FROM log_counts_day AS c JOIN log_series AS s USING (series_id)
    WHERE s.facet = 3 AND s.workspace_id = due.workspace_id
      AND c.bucket >= $3::bigint AND c.bucket < due.target
)
FROM unnest($1::bigint[], $2::bigint[]) AS due (workspace_id, target)
"""
_NEW_EPOCH: Final = "UPDATE log_state SET epoch = epoch + 1"
_CHOSEN: Final = """
SELECT ctid, created_at, bucket_at FROM ONLY {table}
WHERE workspace_id = $1 AND created_at >= $2 AND created_at < $3 AND (created_at, id) > ($4, $5)
ORDER BY created_at, id LIMIT $6
"""
_TIMES: Final = f"""
WITH chosen AS ({_CHOSEN})
SELECT created_at FROM chosen UNION SELECT bucket_at FROM chosen WHERE bucket_at IS NOT NULL
"""
_READ: Final = (
    *("event_id", "workspace_id", "user_id", "created_at", "type", "content", "username"),
    *("token_name", "model_name", "quota", "prompt_tokens", "completion_tokens", "channel_id"),
    *("token_id", "group", "bucket_at"),
)
"""Of a row, what it was counted by."""
_DELETE: Final = f"""
DELETE FROM ONLY {{table}} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ({_CHOSEN}) AS chosen))
RETURNING id, {", ".join(f'"{column}"' for column in _READ)}
"""


class Choice(NamedTuple):
    """Some rows of a workspace, the oldest first."""

    workspace_id: int
    first: int
    """Unix seconds, included."""
    before: int
    after: Place
    limit: int


class Gone(NamedTuple):
    """The rows that were deleted, with what they were counted by, and the last one's place."""

    rows: list[LogRow]
    passed: Place


async def begin_due(connection: Connection, *, midnight: int, most: int) -> int:
    """Shut out what is older than the workspaces' periods, and note that it is to be deleted.

    `midnight`: from it the days are counted back. Answers how many were begun, at most `most`.
    Waits for the batches that are being written, where there is anything to begin.
    """
    if not await connection.fetch(_DUE, midnight, 1):
        return 0
    state = await gate.close(connection)
    due = await connection.fetch(_HORIZONS, midnight, most)
    workspaces = [row["workspace_id"] for row in due]
    targets = [row["refuse_before"] for row in due]
    await connection.execute(_NOTE, workspaces, targets, state.refuse_before)
    await connection.execute(_NEW_EPOCH)
    return len(due)


async def times_of(connection: Connection, partition: Partition, choice: Choice) -> list[int]:
    """When the chosen rows were created, and of when they give back.

    Those hours are to be locked before they are deleted: as they were when they were written.
    """
    statement = _TIMES.format(table=await quoted(connection, partition))
    return [row[0] for row in await connection.fetch(statement, *_values(choice))]


async def delete(connection: Connection, partition: Partition, choice: Choice) -> Gone:
    """Delete the chosen rows of a partition. Nothing else deletes there, nor writes any more."""
    statement = _DELETE.format(table=await quoted(connection, partition))
    found = await connection.fetch(statement, *_values(choice))
    rows = [LogRow(**{name: row[name] for name in _READ} | _text_id(row)) for row in found]
    places = [Place(row["created_at"], row["id"]) for row in found]
    return Gone(rows, max(places, default=choice.after))


def _text_id(row: asyncpg.Record) -> dict[str, str]:
    return {"event_id": str(row["event_id"])}


def _values(choice: Choice) -> tuple[int, ...]:
    return (
        *(choice.workspace_id, choice.first, choice.before),
        *(*choice.after, choice.limit),
    )

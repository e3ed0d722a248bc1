"""`log_clean_ups`: what was decided to be deleted, and how far that is. The caller commits."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from services.logging.ingest import gate
from shared.postgres.retrying import Connection

CHANNEL: Final = "log_clean_ups"
"""NOTIFY of this schema: there is something to delete."""
# What lies ahead of the clock was not asked about: it would refuse what comes next.
_HORIZON: Final = """
UPDATE log_state SET refuse_before = greatest(refuse_before, $1::bigint), epoch = epoch + 1
"""
_NOW: Final = "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint"
_NOTE: Final = """
INSERT INTO log_clean_ups (target_timestamp, started_by, kind, rows_expected)
VALUES ($1, $2, $3, $4) RETURNING id
"""
# By whole hours: about so many.
_EXPECTED: Final = """
SELECT coalesce(sum(c.rows), 0)::bigint FROM log_counts_hour AS c JOIN log_series USING (series_id)
WHERE facet = 0 AND c.bucket >= $1 - $1 % 3600 AND c.bucket < $2
"""
_NOTIFY: Final = f"SELECT pg_notify(current_schema() || '.{CHANNEL}', '')"
_UNFINISHED: Final = """
SELECT id, target_timestamp, workspace_id FROM log_clean_ups WHERE finished_at IS NULL ORDER BY id
"""
_ENTER: Final = """
UPDATE log_clean_ups SET phase = $2, heartbeat_at = now() WHERE id = $1
"""
_COUNT: Final = """
UPDATE log_clean_ups SET deleted_rows = deleted_rows + $2,
    partitions_dropped = partitions_dropped + $3, heartbeat_at = now()
WHERE id = $1
"""
_FINISH: Final = """
UPDATE log_clean_ups SET phase = 'finished', finished_at = now(), heartbeat_at = now()
WHERE id = $1 AND finished_at IS NULL RETURNING deleted_rows
"""
_SHOWN: Final = """
SELECT id, kind, workspace_id, target_timestamp, phase, rows_expected, deleted_rows,
       partitions_dropped, started_by,
       floor(extract(epoch FROM started_at))::bigint AS started_at,
       floor(extract(epoch FROM heartbeat_at))::bigint AS heartbeat_at,
       floor(extract(epoch FROM finished_at))::bigint AS finished_at
FROM log_clean_ups
"""
Row = dict[str, Any]
"""Column to value."""


class Kind(StrEnum):
    """Who wants it."""

    ADMIN = "admin"
    RETENTION = "retention"
    """The site's period is over."""
    WORKSPACE = "workspace"
    """A workspace's period is over."""


class Phase(StrEnum):
    """What a clean-up is at."""

    BEGUN = "begun"
    PARTITIONS = "partitions"
    ROWS = "rows"
    """Of the partition in which the target lies."""
    COUNTS = "counts"
    FINISHED = "finished"


class Note(NamedTuple):
    """A clean-up that goes on."""

    id: int
    target: int
    """Unix seconds; older rows go."""
    workspace_id: int | None = None
    """Whose; None: everybody's."""


async def begin(connection: Connection, *, target: int, kind: Kind, started_by: int) -> Note:
    """Shut out whatever is older than `target`, and note that it is to be deleted.

    When this is committed no reader sees it, and no event of it is taken any more: deleting it is
    housekeeping. Waits for the batches that are being written. A target ahead of the clock is now.
    """
    before = await gate.close(connection)
    effective = min(target, int(await connection.fetchval(_NOW)))
    expected = await connection.fetchval(_EXPECTED, before.refuse_before, effective)
    await connection.execute(_HORIZON, effective)
    note_id = int(await connection.fetchval(_NOTE, effective, started_by, kind, expected))
    await wake(connection)
    return Note(note_id, effective)


async def wake(connection: Connection) -> None:
    """Have whoever carries clean-ups out look what is due, when this is committed."""
    await connection.execute(_NOTIFY)


async def unfinished(connection: Connection) -> Sequence[Note]:
    """Those that go on, the oldest first."""
    return [Note(*row) for row in await connection.fetch(_UNFINISHED)]


async def enter(connection: Connection, note: Note, phase: Phase) -> None:
    """Note what it is at, and that somebody is at it."""
    await connection.execute(_ENTER, note.id, phase)


async def add(connection: Connection, note: Note, *, rows: int, partitions: int = 0) -> None:
    """Count what this transaction deletes."""
    await connection.execute(_COUNT, note.id, rows, partitions)


async def finish(connection: Connection, note: Note) -> int | None:
    """Note that it is done; answers how many rows went, None where another had noted it."""
    deleted: int | None = await connection.fetchval(_FINISH, note.id)
    return deleted


async def find(connection: Connection, note_id: int) -> Row | None:
    """One, for people."""
    row = await connection.fetchrow(f"{_SHOWN} WHERE id = $1", note_id)
    return None if row is None else dict(row)


async def newest(connection: Connection, *, limit: int, offset: int) -> tuple[list[Row], int]:
    """A page, the newest first, and how many there are."""
    total = int(await connection.fetchval("SELECT count(*) FROM log_clean_ups"))
    rows = await connection.fetch(f"{_SHOWN} ORDER BY id DESC LIMIT $1 OFFSET $2", limit, offset)
    return [dict(row) for row in rows], total

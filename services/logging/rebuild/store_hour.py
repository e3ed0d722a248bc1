"""Reading the rows of one hour, and clearing what was added up of it. The caller has its lock."""

from collections.abc import AsyncIterator
from functools import reduce
from typing import Final

from services.logging.ingest.checks import Check
from services.logging.ingest.store_checks import DELETED_SLOT, put_checks
from services.logging.partitions.spans import HOUR
from services.logging.rebuild.hour_sums import with_check
from services.logging.rebuild.stored_rows import COLUMNS, row_of
from services.logging.rows.rows import LogRow
from shared.postgres.retrying import Connection

REBUILT_SLOT: Final = -2
"""What a rebuild found, in place of the slots that wrote it."""
_CHUNK: Final = 5_000
_NAMES: Final = ", ".join(f'"{column}"' for column in COLUMNS)
_MADE: Final = f"SELECT {_NAMES} FROM logs WHERE created_at >= $1 AND created_at < $2"
_RETURNED: Final = f"SELECT {_NAMES} FROM logs WHERE bucket_at >= $1 AND bucket_at < $2"
_SERIES: Final = """
WITH gone AS (DELETE FROM log_counts_hour WHERE bucket = $1 RETURNING series_id)
SELECT series_id FROM gone
"""
_CLEAR_FINER: Final = (
    "DELETE FROM log_counts_minute WHERE bucket >= $1 AND bucket < $2",
    "DELETE FROM log_counts_second WHERE bucket >= $1 AND bucket < $2",
)
_CLEAR_CHECKS: Final = "DELETE FROM log_checks WHERE bucket = $1"
_WRITTEN: Final = f"""
SELECT {", ".join(Check._fields)} FROM log_checks WHERE bucket = $1 AND slot <> $2
"""
_DELETED: Final = f"""
SELECT {", ".join(Check._fields)} FROM log_checks WHERE bucket = $1 AND slot = $2
"""
_FORGET_REFUSED: Final = "DELETE FROM log_refused WHERE hour = $1"
_CLEAN: Final = "DELETE FROM log_dirty_hours WHERE bucket = $1"


async def made_rows(connection: Connection, hour: int) -> AsyncIterator[list[LogRow]]:
    """The rows of the hour, a chunk at a time."""
    async for chunk in _chunks(connection, _MADE, hour):
        yield chunk


async def returned_rows(connection: Connection, hour: int) -> AsyncIterator[list[LogRow]]:
    """The rows that give back what the hour cost, a chunk at a time."""
    async for chunk in _chunks(connection, _RETURNED, hour):
        yield chunk


async def clear_counts(connection: Connection, hour: int) -> set[int]:
    """Take the hour's counts away; answers the series that had some."""
    for statement in _CLEAR_FINER:
        await connection.execute(statement, hour, hour + HOUR)
    return {row["series_id"] for row in await connection.fetch(_SERIES, hour)}


async def replace_checks(
    connection: Connection, hour: int, there: Check, *, is_whole: bool
) -> None:
    """What is there now is also what was written, where no row was deleted; else the rest was."""
    written = there
    if not is_whole:
        written = await _sum(connection, _WRITTEN, hour) or Check()
    deleted = with_check(there, written, sign=-1)
    await _replace(connection, hour, written, None if is_whole else deleted)


async def replace_request_checks(connection: Connection, hour: int, requests: Check) -> None:
    """Requests that were written are these; what is said of rows stays as it is."""
    written = await _sum(connection, _WRITTEN, hour) or Check()
    deleted = await _sum(connection, _DELETED, hour)
    there = with_check(written, deleted or Check())
    names = ("requests", "request_quota", "request_marks")
    now = written._replace(**{name: getattr(requests, name) for name in names})
    gone = with_check(there, now, sign=-1)
    await _replace(connection, hour, now, None if deleted is None and gone == Check() else gone)


async def _sum(connection: Connection, query: str, hour: int) -> Check | None:
    """None where nothing is said."""
    rows = await connection.fetch(query, hour, DELETED_SLOT)
    return reduce(with_check, (Check(*row) for row in rows)) if rows else None


async def _replace(
    connection: Connection, hour: int, written: Check, deleted: Check | None
) -> None:
    """`deleted`: also of nothing but zeros it says that something was (`RebuildState.deleted`)."""
    sums = {REBUILT_SLOT: None if written == Check() else written, DELETED_SLOT: deleted}
    await connection.execute(_CLEAR_CHECKS, hour)
    await put_checks(
        connection, {slot: {hour: check} for slot, check in sums.items() if check is not None}
    )


async def forget_refused(connection: Connection, hour: int) -> None:
    """What was refused of the hour is in its usage now."""
    await connection.execute(_FORGET_REFUSED, hour)


async def mark_clean(connection: Connection, hour: int) -> None:
    """From the commit on its counts are read again."""
    await connection.execute(_CLEAN, hour)


async def _chunks(connection: Connection, query: str, hour: int) -> AsyncIterator[list[LogRow]]:
    chunk: list[LogRow] = []
    async for row in connection.cursor(query, hour, hour + HOUR, prefetch=_CHUNK):
        chunk.append(row_of(dict(row)))
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk

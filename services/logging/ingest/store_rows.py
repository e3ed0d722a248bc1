"""Writing `logs`. The caller owns the transaction, and has seen to the partitions."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from services.logging.rows.rows import COLUMNS, LogRow
from shared.postgres.retrying import Connection

_TYPES: Final = {
    "event_id": "uuid",
    "workspace_id": "bigint",
    "user_id": "bigint",
    "created_at": "bigint",
    "type": "smallint",
    "quota": "bigint",
    "prompt_tokens": "integer",
    "completion_tokens": "integer",
    "use_time": "bigint",
    "is_stream": "boolean",
    "channel_id": "bigint",
    "token_id": "bigint",
    "project_id": "bigint",
    "provider_id": "bigint",
    "status_code": "smallint",
    "trace_id": "uuid",
    "latency_ms": "bigint",
    "upstream_latency_ms": "bigint",
    "first_byte_ms": "bigint",
    "request_size_bytes": "bigint",
    "response_size_bytes": "bigint",
    "retry_count": "smallint",
    "client_retry_count": "smallint",
    "rate_limited": "boolean",
    "rate_limit_remaining": "bigint",
    "rate_limit_reset_at": "bigint",
    "cache_hit": "boolean",
    "bucket_at": "bigint",
}
_ARRAYS: Final = ", ".join(
    f"${position}::{_TYPES.get(column, 'text')}[]" for position, column in enumerate(COLUMNS, 1)
)
_QUOTED: Final = ", ".join(f'"{column}"' for column in COLUMNS)
_INSERT_NEW: Final = f"""
INSERT INTO logs ({_QUOTED})
SELECT * FROM unnest({_ARRAYS})
ON CONFLICT DO NOTHING -- by the unique index of each partition: an event has one time
RETURNING event_id
"""
_KNOWN: Final = "SELECT event_id FROM logs WHERE event_id = ANY($1::uuid[])"


async def insert_rows(connection: Connection, rows: Sequence[LogRow]) -> Sequence[LogRow]:
    """Write the rows whose event has none yet; answer those. Repeatable.

    No two may be of one event. The unique index decides what is new. COPY costs half of an INSERT
    and cannot skip a row, so it is tried first, under a savepoint: events come again only after a
    crash.
    """
    if not rows:
        return rows
    try:
        async with connection.transaction():
            await connection.copy_records_to_table("logs", records=rows, columns=COLUMNS)
    except asyncpg.UniqueViolationError:
        made = await connection.fetch(_INSERT_NEW, *zip(*rows, strict=True))
        new = {str(record[0]) for record in made}
        return [row for row in rows if row.event_id in new]
    return rows


async def known_events(connection: Connection, event_ids: Sequence[str]) -> set[str]:
    """Which of these events have a row, of whatever time. Looks into every partition."""
    return {str(record[0]) for record in await connection.fetch(_KNOWN, event_ids)}

"""Writing `logs`. The caller owns the transaction."""

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
}
_ARRAYS: Final = ", ".join(
    f"${position}::{_TYPES.get(column, 'text')}[]" for position, column in enumerate(COLUMNS, 1)
)
_QUOTED: Final = ", ".join(f'"{column}"' for column in COLUMNS)
_INSERT_NEW: Final = f"""
INSERT INTO logs ({_QUOTED})
SELECT * FROM unnest({_ARRAYS})
ON CONFLICT (event_id) DO NOTHING
"""


async def insert_rows(connection: Connection, rows: Sequence[LogRow]) -> int:
    """Write the rows whose event has none yet; answer how many. Repeatable.

    The unique index decides what is new. COPY costs half of an INSERT and cannot skip a row, so it
    is tried first, under a savepoint: events come again only after a crash.
    """
    if not rows:
        return 0
    try:
        async with connection.transaction():
            await connection.copy_records_to_table("logs", records=rows, columns=COLUMNS)
    except asyncpg.UniqueViolationError:
        status = await connection.execute(_INSERT_NEW, *zip(*rows, strict=True))
        return int(status.rpartition(" ")[2])
    return len(rows)

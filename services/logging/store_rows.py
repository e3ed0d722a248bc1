"""Writing `logs`. The caller owns the transaction."""

from collections.abc import Sequence
from typing import Final

from services.logging.rows import COLUMNS, LogRow
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
# The unique index decides what is new: an event that is delivered again changes nothing.
_INSERT: Final = f"""
INSERT INTO logs ({_QUOTED})
SELECT * FROM unnest({_ARRAYS})
ON CONFLICT (event_id) DO NOTHING
"""


async def insert_rows(connection: Connection, rows: Sequence[LogRow]) -> int:
    """Write the rows whose event has none yet, in one statement; answer how many. Repeatable."""
    if not rows:
        return 0
    status = await connection.execute(_INSERT, *zip(*rows, strict=True))
    return int(status.rpartition(" ")[2])

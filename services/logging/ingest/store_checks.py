"""Writing `log_checks`. The caller owns the transaction."""

from collections.abc import Iterable, Mapping
from typing import Final

from services.logging.ingest.checks import Check, sum_up
from services.logging.rows.rows import LogRow
from shared.postgres.retrying import Connection

DELETED_SLOT: Final = -1
"""What deletions took away; what ingest wrote is at slots from 0 on."""
_ADDED: Final = ("rows", "quota", "tokens", "requests", "request_quota")
_MIXED: Final = ("marks", "request_marks")
_ADD: Final = f"""
INSERT INTO log_checks AS kept (bucket, slot, {", ".join(Check._fields)})
SELECT * FROM unnest(
    $1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::bigint[], $9::bigint[]
)
ON CONFLICT (bucket, slot) DO UPDATE SET
    {", ".join(f"{column} = kept.{column} + EXCLUDED.{column}" for column in _ADDED)},
    {", ".join(f"{column} = kept.{column} # EXCLUDED.{column}" for column in _MIXED)}
"""


async def add_checks(
    connection: Connection, slot: int, rows: Iterable[LogRow], *, sign: int = 1
) -> None:
    """Add rows of one slot to their hours, or take them away with sign -1."""
    await put_checks(connection, {slot: sum_up(rows, sign=sign)})


async def put_checks(connection: Connection, by_slot: Mapping[int, Mapping[int, Check]]) -> None:
    """Add what was summed up, by slot and hour."""
    rows = sorted(
        (hour, slot, *check) for slot, hours in by_slot.items() for hour, check in hours.items()
    )
    if rows:
        await connection.execute(_ADD, *zip(*rows, strict=True))

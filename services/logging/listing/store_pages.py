"""Reading rows of `logs` along an index."""

from typing import Any, Final, TypeAlias

from services.logging.listing.conditions import within
from services.logging.listing.cursors import Place
from services.logging.listing.filters import Filters
from services.logging.listing.moments import Moment
from services.logging.listing.places import Walk
from services.logging.listing.stretches import Stretch
from services.logging.listing.views import SHOWN
from services.logging.rows.other import NEEDS
from services.logging.statement_parts import Values
from shared.postgres.retrying import Connection

COLUMNS: Final = ", ".join(f'"{column}"' for column in (*SHOWN, *NEEDS))
"""Of a full row: what the API shows of it, and what its `other` is put together from."""
# Not their maximum: for that the server may walk all rows, from the newest on.
_RETURNED: Final = """
SELECT created_at FROM logs
WHERE request_id = $1 AND bucket_at >= $2::bigint AND bucket_at < $3::bigint
  AND created_at >= $4::bigint AND created_at < $5::bigint
"""

StoredRow: TypeAlias = dict[str, Any]
"""Column to value."""


async def walk(
    connection: Connection, filters: Filters, moment: Moment, way: Walk
) -> list[StoredRow]:
    """The rows of a walk, newest first."""
    values = Values()
    clause = within(filters, Stretch(way.lower, way.upper), values, hidden=moment.hidden)
    order = "DESC" if way.is_newest_first else "ASC"
    limit, offset = values.place(way.limit, "bigint"), values.place(way.offset, "bigint")
    found = await connection.fetch(
        f"SELECT {COLUMNS} FROM logs WHERE {clause}"
        f" ORDER BY created_at {order}, id {order} LIMIT {limit} OFFSET {offset}",
        *values,
    )
    rows = [dict(row) for row in found]
    return rows if way.is_newest_first else rows[::-1]


async def rest_of_second(
    connection: Connection, filters: Filters, moment: Moment, after: Place, limit: int
) -> list[StoredRow]:
    """The rows of the second that a cursor lies in which come after it, newest first."""
    values = Values()
    second = Stretch(after.created_at, after.created_at + 1)
    clause = within(filters, second, values, hidden=moment.hidden)
    row_id, most = values.place(after.row_id, "bigint"), values.place(limit, "bigint")
    found = await connection.fetch(
        f"SELECT {COLUMNS} FROM logs WHERE {clause} AND id < {row_id}"
        f" ORDER BY created_at DESC, id DESC LIMIT {most}",
        *values,
    )
    return [dict(row) for row in found]


async def is_any_row(
    connection: Connection, filters: Filters, moment: Moment, stretch: Stretch
) -> bool:
    """Whether anything matches in the stretch, whatever range the filters name."""
    values = Values()
    clause = within(filters, stretch, values, hidden=moment.hidden)
    return bool(
        await connection.fetchval(f"SELECT EXISTS (SELECT FROM logs WHERE {clause})", *values)
    )


async def last_returned(
    connection: Connection, request_id: str, *, made: Stretch, posted: Stretch
) -> int | None:
    """When the last of what was given back of a request was posted in that time, if any was.

    `made`: when the request ended, as it counts to that. Looks into every partition of the time.
    """
    times = await connection.fetch(_RETURNED, request_id, *made, *posted)
    return max((row[0] for row in times), default=None)

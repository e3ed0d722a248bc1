"""Reading requests' rows of `logs`. Read-only; each query has a transaction and a time limit."""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from services.logging.listing.cursors import Place
from services.logging.listing.filters import Filters
from services.logging.listing.reading import Reading, read_in_order
from services.logging.listing.totals import Totals
from services.logging.requests.filters import RequestFilters, where
from services.logging.requests.shown import STORED
from services.logging.statement_parts import Values, request_row
from shared.events.ids import event_uuid
from shared.postgres.retrying import Connection

StoredRow: TypeAlias = dict[str, Any]
"""Column to value."""
_COLUMNS: Final = ", ".join(STORED)
_LIMIT_TIME: Final = "SELECT set_config('statement_timeout', $1, true)"
_NOT_DELETED: Final = (
    "created_at >= (SELECT refuse_before FROM log_state)"
    " AND NOT EXISTS (SELECT FROM log_workspace_horizons AS horizon"
    " WHERE horizon.workspace_id = logs.workspace_id"
    " AND logs.created_at < horizon.refuse_before)"
)
_ONE: Final = (
    f"SELECT * FROM logs WHERE event_id = $1::uuid AND request_id = $2::text AND {request_row()}"
    f" AND {_NOT_DELETED} AND created_at >= $3::bigint AND created_at < $4::bigint"
)


class StoredRequests:
    """The queries. They raise what asyncpg raises, a time-out among it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._totals = Totals()

    async def stretch(
        self,
        filters: RequestFilters,
        *,
        lower: int,
        before: Place,
        limit: int,
        timeout_ms: int | None = None,
    ) -> Sequence[StoredRow]:
        """At most `limit` rows from `lower` on and before a place, newest first."""
        values = Values([lower, before.created_at, before.row_id])
        clause = where(filters, values)
        if filters.to is not None:
            clause += f" AND created_at <= {values.place(filters.to, 'bigint')}"
        query = (
            f"SELECT {_COLUMNS} FROM logs WHERE {clause} AND {_NOT_DELETED}"
            " AND created_at >= $1::bigint AND created_at <= $2::bigint"
            " AND (created_at, id) < ($2::bigint, $3::bigint)"
            f" ORDER BY created_at DESC, id DESC LIMIT {limit:d}"
        )
        async with self._reading() as connection:
            await _within(connection, timeout_ms)
            if filters.is_led:
                await read_in_order(connection)
            return [dict(row) for row in await connection.fetch(query, *values)]

    async def total(self, filters: Filters, *, timeout_ms: int) -> int:
        """How many there are, exactly, from the counts of the log."""
        async with self._reading() as connection:
            await _within(connection, timeout_ms)
            return (await self._totals.of(connection, filters)).rows

    async def count(
        self, filters: RequestFilters, *, at_most: int, timeout_ms: int | None = None
    ) -> int:
        """How many there are, counted no further than `at_most`."""
        values = Values()
        clause = where(filters, values)
        for operator, limit in ((">=", filters.since), ("<=", filters.to)):
            if limit is not None:
                clause += f" AND created_at {operator} {values.place(limit, 'bigint')}"
        query = (
            f"SELECT count(*) FROM (SELECT FROM logs WHERE {clause} AND {_NOT_DELETED}"
            f" LIMIT {at_most:d}) AS counted"
        )
        async with self._reading() as connection:
            await _within(connection, timeout_ms)
            found: int = await connection.fetchval(query, *values)
            return found

    async def find(self, request_id: str, *, lower: int, upper: int) -> StoredRow | None:
        """The whole row of one request, where it ended in [lower, upper)."""
        async with self._reading() as connection:
            row = await connection.fetchrow(_ONE, event_uuid(request_id), request_id, lower, upper)
        return None if row is None else dict(row)


async def _within(connection: Connection, timeout_ms: int | None) -> None:
    if timeout_ms is not None:
        await connection.execute(_LIMIT_TIME, str(timeout_ms))

"""A request's log row, by our id or its upstream's."""

from collections.abc import Sequence
from typing import Final

from services.logging.listing.reading import Reading
from services.logging.listing.store_pages import COLUMNS, StoredRow
from shared.events.ids import event_uuid

MOST: Final = 10
"""Rows of one upstream's id that are told of: an id may repeat."""
BY_OUR_ID: Final = "event_id = $1::uuid AND request_id = $2 AND type IN (2, 4)"
BY_UPSTREAM_ID: Final = (
    "upstream_request_id = $1 AND upstream_request_id <> ''"
    f" ORDER BY created_at DESC, id DESC LIMIT {MOST}"
)


class RequestRows:
    """The queries of `explain`. They raise what asyncpg raises."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def find(self, request_id: str) -> Sequence[StoredRow]:
        """The row of a request of ours, else those of the upstream's id, newest first."""
        query = f"SELECT {COLUMNS} FROM logs WHERE "
        async with self._reading() as connection:
            rows = await connection.fetch(query + BY_OUR_ID, event_uuid(request_id), request_id)
            if not rows:
                rows = await connection.fetch(query + BY_UPSTREAM_ID, request_id)
        return [dict(row) for row in rows]

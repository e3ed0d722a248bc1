"""A request's log row, by our id or its upstream's."""

from collections.abc import Sequence
from typing import Final

from services.logging.listing.filters import Filters
from services.logging.listing.narrowing import look_up
from services.logging.listing.reading import Reading
from services.logging.listing.store_pages import StoredRow

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
        # An admin's action has the id of a request as well, and so has a refund.
        ours = Filters(request_id=request_id, is_request=True)
        theirs = Filters(upstream_request_id=request_id)
        async with self._reading() as connection:
            rows = await (await look_up(connection, ours)).newest(MOST)
            return rows or await (await look_up(connection, theirs)).newest(MOST)

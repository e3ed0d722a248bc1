"""The lists of the Log API: any page, what follows a cursor, and the newest rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.logging.listing.cursors import Place, cursor_of
from services.logging.listing.filters import Filters, Page
from services.logging.listing.narrowing import look_up
from services.logging.listing.reading import Reading
from services.logging.listing.store_pages import StoredRow
from services.logging.listing.totals import total_of

NEWEST: Final = 1_000
"""Rows of a list without paging."""


@dataclass(frozen=True, slots=True)
class FoundPage:
    """One page, and how many rows match in all."""

    rows: Sequence[StoredRow]
    total: int
    next_cursor: str | None
    """For the rows after these; None where there are none."""


class Pages:
    """They raise what asyncpg raises, a time-out among it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def page(self, filters: Filters, page: Page, after: Place | None = None) -> FoundPage:
        """One page of the rows that match; with `after` the one that follows that place."""
        # One more than is shown tells whether more follow.
        size = page.size + 1
        async with self._reading() as connection:
            lookup = await look_up(connection, filters)
            pieces = await lookup.pieces(lookup.stretch)
            if after is None:
                rows = await lookup.behind(pieces, page.offset, size)
            else:
                rows = await lookup.after(after, size)
        return FoundPage(rows[: page.size], total_of(pieces).rows, _cursor(rows, page.size))

    async def newest(self, filters: Filters) -> Sequence[StoredRow]:
        """The newest NEWEST rows that match."""
        async with self._reading() as connection:
            return await (await look_up(connection, filters)).newest(NEWEST)


def _cursor(rows: Sequence[StoredRow], size: int) -> str | None:
    """Where the shown ones end, if they are not all."""
    if len(rows) <= size:
        return None
    last = rows[size - 1]
    return cursor_of(last["created_at"], last["id"])

"""Reading `logs`: pages and newest rows. Read-only, each within its own time limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from services.logging.listing.conditions import where
from services.logging.listing.filters import Filters, Page
from services.logging.listing.reading import Reading
from services.logging.listing.views import SHOWN
from services.logging.rows.other import NEEDS

COUNTED_AT_MOST: Final = 100_000
"""`total` stops here: an exact count of a large table takes production down."""
NEWEST: Final = 1_000
"""Rows of a list without paging."""
COLUMNS: Final = ", ".join(f'"{column}"' for column in (*SHOWN, *NEEDS))
"""Of a full row: what the API shows of it, and what its `other` is put together from."""


StoredRow: TypeAlias = dict[str, Any]
"""Column to value."""


@dataclass(frozen=True, slots=True)
class FoundPage:
    """One page, and how many rows match: at most COUNTED_AT_MOST are counted."""

    rows: Sequence[StoredRow]
    total: int


class LogLists:
    """The queries of the Log API. They raise what asyncpg raises, a time-out among it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def page(self, filters: Filters, page: Page) -> FoundPage:
        """One page of the rows that match."""
        clause, values = where(filters)
        async with self._reading() as connection:
            total = await connection.fetchval(
                f"SELECT count(*) FROM (SELECT 1 FROM logs WHERE {clause}"
                f" LIMIT {COUNTED_AT_MOST}) AS counted",
                *values,
            )
            # Nothing is behind what was counted whole; so far back the server would walk for long.
            if page.offset >= total < COUNTED_AT_MOST:
                return FoundPage((), total)
            rows = await connection.fetch(
                _listing(clause, len(values)), *values, page.size, page.offset
            )
        return FoundPage([dict(row) for row in rows], total)

    async def newest(self, filters: Filters) -> Sequence[StoredRow]:
        """The newest NEWEST rows that match."""
        clause, values = where(filters)
        async with self._reading() as connection:
            rows = await connection.fetch(_listing(clause, len(values)), *values, NEWEST, 0)
        return [dict(row) for row in rows]


def _listing(clause: str, values: int) -> str:
    return (
        f"SELECT {COLUMNS} FROM logs WHERE {clause}"
        f" ORDER BY created_at DESC, id DESC LIMIT ${values + 1} OFFSET ${values + 2}"
    )

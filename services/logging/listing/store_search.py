"""Searching `logs`: the newest rows that have a keyword."""

from collections.abc import Sequence
from typing import Final

from services.logging.listing.filters import Filters
from services.logging.listing.reading import Reading
from services.logging.listing.searching import keyword_of, search
from services.logging.listing.store_lists import COLUMNS, NEWEST, StoredRow

# Each next name by one look into the index: reading all rows for their few names would take long.
_MODELS: Final = """
WITH RECURSIVE names AS (
    (SELECT model_name FROM logs ORDER BY model_name LIMIT 1)
    UNION ALL
    SELECT (
        SELECT model_name FROM logs WHERE model_name > names.model_name
        ORDER BY model_name LIMIT 1
    ) FROM names WHERE names.model_name IS NOT NULL
)
SELECT model_name FROM names WHERE model_name ILIKE $1::text
"""


class LogSearch:
    """The queries of a search. They raise what asyncpg raises, a time-out among it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def newest(self, filters: Filters, text: str) -> Sequence[StoredRow]:
        """The newest NEWEST rows that match the filters and have the text."""
        keyword = keyword_of(text)
        async with self._reading() as connection:
            models = [row[0] for row in await connection.fetch(_MODELS, keyword.pattern)]
            ids, values = search(filters, keyword, models, limit=NEWEST)
            rows = await connection.fetch(
                f"SELECT {COLUMNS} FROM logs WHERE id = ANY(ARRAY({ids}))"
                " ORDER BY created_at DESC, id DESC",
                *values,
            )
        return [dict(row) for row in rows]

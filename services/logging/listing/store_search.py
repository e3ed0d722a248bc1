"""Searching `logs`: the newest rows that have a keyword."""

from collections.abc import Sequence
from typing import Final

from services.logging.listing.filters import Filters
from services.logging.listing.lookup import is_led
from services.logging.listing.moments import Moment
from services.logging.listing.narrowing import narrowed
from services.logging.listing.pages import NEWEST
from services.logging.listing.reading import Reading, read_in_order
from services.logging.listing.searching import (
    Keyword,
    Sought,
    keyword_of,
    search,
    sentences_with,
    stretches_of,
)
from services.logging.listing.store_moment import read_moment
from services.logging.listing.store_pages import COLUMNS, StoredRow
from services.logging.listing.stretches import Stretch
from services.logging.listing.totals import pieces_of
from shared.postgres.retrying import Connection

# Of the counts by model: reading all rows for their few names would take long.
_MODELS: Final = "SELECT DISTINCT model_name FROM log_series WHERE facet = 1"
_SENTENCES: Final = "SELECT content FROM log_sentences"


class LogSearch:
    """The queries of a search. They raise what asyncpg raises, a time-out among it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def newest(self, filters: Filters, text: str) -> Sequence[StoredRow]:
        """The newest NEWEST rows that match the filters and have the text."""
        keyword = keyword_of(text)
        rows: list[StoredRow] = []
        async with self._reading() as connection:
            moment = await read_moment(connection)
            filters = await narrowed(connection, filters, moment)
            asked = moment.stretch_of(filters)
            sought = await _sought(connection, keyword, moment)
            pieces = await pieces_of(connection, filters, asked, moment)
            if is_led(filters):
                await read_in_order(connection)
            for days in stretches_of(pieces):
                stretch = Stretch(max(days.lower, asked.lower), min(days.upper, asked.upper))
                left = NEWEST - len(rows)
                ids, values = search(
                    filters, sought, stretch, moment, limit=left, is_led=is_led(filters)
                )
                rows += await _rows(connection, ids, values, left)
                if len(rows) == NEWEST:
                    break
        return rows


async def _sought(connection: Connection, keyword: Keyword, moment: Moment) -> Sought:
    older = await connection.fetch(_SENTENCES)
    sentences = sentences_with(keyword, [row[0] for row in older])
    if moment.dirty_hours:
        # Rows that are not counted yet may have names that no series has.
        return Sought(keyword, sentences, None)
    names = await connection.fetch(_MODELS)
    return Sought(keyword, sentences, [row[0] for row in names if keyword.is_in(row[0])])


async def _rows(
    connection: Connection, ids: str, values: Sequence[object], limit: int
) -> list[StoredRow]:
    found = await connection.fetch(
        f"WITH found AS MATERIALIZED (SELECT * FROM ({ids}) AS ways"
        f" ORDER BY created_at DESC, id DESC LIMIT {limit:d})"
        # $1 and $2 are the ends of the stretch.
        f" SELECT {COLUMNS} FROM logs JOIN found USING (created_at, id)"
        " WHERE created_at >= $1 AND created_at < $2 ORDER BY created_at DESC, id DESC",
        *values,
    )
    return [dict(row) for row in found]

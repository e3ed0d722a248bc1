"""One list in one snapshot: what it holds when, and its rows from any place on.

1. what matches is counted by the day (`totals.py`): that tells the days in which a page lies
2. where that is still far to walk, those days are counted by the hour, the minute, the second, as
   far as there are counts of them: counting the rows would be the walk itself
3. the rows are read in that stretch of time alone, from its nearer end
"""

from collections.abc import Sequence
from typing import Final

from services.logging.buckets import Grain
from services.logging.listing.cursors import Place
from services.logging.listing.filters import Filters
from services.logging.listing.moments import Moment
from services.logging.listing.places import Covered, Piece, covered, depth, walks
from services.logging.listing.store_pages import StoredRow, rest_of_second, walk
from services.logging.listing.stretches import Stretch
from services.logging.listing.totals import is_counted, pieces_of
from shared.postgres.retrying import Connection

_DEEP: Final = 300
"""Rows that are sooner passed over than counted."""
_LED_BY: Final = frozenset({"user_id", "token_id", "workspace_id"})
"""Filters that have an index of their own."""
_OF_ONE: Final = frozenset({"request_id", "upstream_request_id"})
"""These lead to a row or two by indexes of theirs."""
_FINER: Final = ((Grain.DAY, Grain.HOUR), (Grain.HOUR, Grain.MINUTE), (Grain.MINUTE, Grain.SECOND))


class Lookup:
    """Reads in the caller's transaction, which is one of `Reading`. Raises what asyncpg raises."""

    def __init__(self, connection: Connection, filters: Filters, moment: Moment) -> None:
        self._connection = connection
        self._filters = filters
        self._moment = moment
        self.stretch = moment.stretch_of(filters)
        """The time that is asked for, as far as there is something in it."""

    async def pieces(self, stretch: Stretch, coarsest: Grain = Grain.DAY) -> list[Piece]:
        """What matches in the stretch, newest first, by buckets that do not overlap."""
        return await pieces_of(
            self._connection, self._filters, stretch, self._moment, coarsest=coarsest
        )

    async def newest(self, size: int) -> list[StoredRow]:
        """The newest rows that match."""
        return await self.behind(await self.pieces(self.stretch), 0, size)

    async def behind(self, pieces: Sequence[Piece], offset: int, size: int) -> list[StoredRow]:
        """The next `size` rows behind `offset` newer ones, newest first. `pieces`: of all."""
        found = covered(pieces, offset, size)
        for coarse, finer in _FINER:
            if not self._is_far(found, size, coarse):
                continue
            around = Stretch(found.pieces[-1].lower, found.pieces[0].upper)
            if is_counted(self._filters, around, finer, self._moment):
                # It begins with the first piece, and so the page is as far behind its beginning.
                found = covered(await self.pieces(around, finer), found.offset, size)
        rows: list[StoredRow] = []
        for way in walks(found, size):
            rows += await walk(self._connection, self._filters, self._moment, way)
        return rows

    async def after(self, place: Place, size: int) -> list[StoredRow]:
        """The next `size` rows behind a place, whether or not a row is there, newest first."""
        stretch = self.stretch
        if place.created_at >= stretch.upper:
            return await self.newest(size)
        if place.created_at < stretch.lower:
            return []
        rows = await rest_of_second(self._connection, self._filters, self._moment, place, size)
        left = size - len(rows)
        if left:
            pieces = await self.pieces(Stretch(stretch.lower, place.created_at))
            rows += await self.behind(pieces, 0, left)
        return rows

    def _is_far(self, found: Covered, size: int, coarse: Grain) -> bool:
        """Whether the way to the page is worth being counted more finely."""
        if not any(piece.upper - piece.lower == coarse for piece in found.pieces):
            return False
        # Whatever is filtered may lie far from where it is looked for first: a user's rows may have
        # an index, and the planner go by time none the less, past a million that came since.
        return bool(self._filters.columns()) or depth(found, size) > _DEEP


def is_led(filters: Filters) -> bool:
    """Whether the rows of one user, key or workspace are asked for: each has an index."""
    columns = filters.columns()
    return not columns.isdisjoint(_LED_BY) and columns.isdisjoint(_OF_ONE)

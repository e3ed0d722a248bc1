"""Pages of requests, by cursor: the end of a long history is as near as its beginning."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final, NamedTuple

import asyncpg

from services.logging.listing.cursors import Place, cursor_of
from services.logging.requests.filters import RequestFilters, counted
from services.logging.requests.request_times import times_of
from services.logging.requests.store_requests import StoredRequests, StoredRow
from services.logging.requests.walking import Walk, walk_from

COUNTED_AT_MOST: Final = 10_000
_LEAST_MS: Final = 20


class CountedWithin(NamedTuple):
    """A total is nice to have: nobody waits for it for longer than these milliseconds."""

    of_counts: int = 100
    of_rows: int = 15
    """Where they are counted one by one."""


COUNTED_WITHIN: Final = CountedWithin()


class FoundRequests(NamedTuple):
    """A page."""

    rows: Sequence[StoredRow]
    next_cursor: str | None
    """Null: there are no more."""
    total: int | None
    """Null: it would take long, or a cursor was given. Of filters that the log's counts do not know
    it is null beyond COUNTED_AT_MOST, too."""
    is_partial: bool
    """The time was over before the page was full: go on at `next_cursor`."""


class RequestPages:
    """Raises what asyncpg raises."""

    def __init__(
        self,
        stored: StoredRequests,
        *,
        timeout_ms: int,
        counted_within: CountedWithin = COUNTED_WITHIN,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._stored = stored
        self._timeout_ms = timeout_ms
        self._counted_within = counted_within
        self._now = now

    async def page(
        self, filters: RequestFilters, *, after: Place | None, size: int
    ) -> FoundRequests:
        """Up to `size` requests, newest first, from a place on."""
        walk = self.walk(filters, after=after)
        start = walk.place
        deadline = asyncio.get_running_loop().time() + self._timeout_ms / 1000
        rows: list[StoredRow] = []
        while len(rows) <= size and not walk.is_done:
            left_ms = round((deadline - asyncio.get_running_loop().time()) * 1000)
            if left_ms < _LEAST_MS:
                break
            # Half of what is left: a stretch that takes too long leaves time for a narrower one.
            rows += await self._step(
                filters, walk, limit=size + 1 - len(rows), timeout_ms=max(_LEAST_MS, left_ms // 2)
            )
        if not rows and walk.place == start:
            raise TimeoutError("not even the first stretch could be looked at in time")
        following = None
        if len(rows) > size:
            following = _place(rows[size - 1])
        elif not walk.is_done:
            following = walk.place
        total = None
        if after is None:
            total = len(rows) if following is None else await self._count(filters)
        return FoundRequests(
            rows[:size],
            None if following is None else cursor_of(*following),
            total,
            is_partial=len(rows) <= size and not walk.is_done,
        )

    async def one(self, request_id: str) -> StoredRow | None:
        """The row of a request, if there is one: near the time in its id, else anywhere."""
        for lower, upper in times_of(request_id):
            row = await self._stored.find(request_id, lower=lower, upper=upper)
            if row is not None:
                return row
        return None

    def walk(self, filters: RequestFilters, *, after: Place | None = None) -> Walk:
        """A walk from a place, else from now, with what is asked for as its bounds."""
        return walk_from(after, since=filters.since, to=filters.to, now=int(self._now()))

    async def pieces(
        self, filters: RequestFilters, *, piece_rows: int
    ) -> AsyncGenerator[Sequence[StoredRow], None]:
        """All of them, newest first, as of now: each piece is a short read of its own."""
        walk = self.walk(filters)
        while not walk.is_done:
            rows = await self._step(filters, walk, limit=piece_rows, timeout_ms=self._timeout_ms)
            if rows:
                yield rows

    async def _step(
        self, filters: RequestFilters, walk: Walk, *, limit: int, timeout_ms: int
    ) -> Sequence[StoredRow]:
        """The next rows of a walk; none where the stretch had to be made narrower."""
        try:
            rows = await self._stored.stretch(
                filters, lower=walk.lower, before=walk.place, limit=limit, timeout_ms=timeout_ms
            )
        except asyncpg.QueryCanceledError:
            if not walk.narrow():
                raise
            return ()
        if len(rows) == limit:
            walk.found_some(_place(rows[-1]))
        else:
            walk.found_all()
        return rows

    async def _count(self, filters: RequestFilters) -> int | None:
        of_log, within = counted(filters), self._counted_within
        try:
            if of_log is not None:
                return await self._stored.total(of_log, timeout_ms=within.of_counts)
            count = await self._stored.count(
                filters, at_most=COUNTED_AT_MOST + 1, timeout_ms=within.of_rows
            )
        except asyncpg.QueryCanceledError:
            return None
        return count if count <= COUNTED_AT_MOST else None


def _place(row: StoredRow) -> Place:
    return Place(row["created_at"], row["id"])

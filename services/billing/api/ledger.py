"""`/api/billing/ledger`, and all of it as CSV."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated, Final

import asyncpg
from aiohttp import hdrs, web
from pydantic import AfterValidator, Field, StringConstraints

from services.billing.api.requests import Body, Named, Paging, RowId, workspace_to_read
from services.billing.ledger.exporting import csv_head, csv_lines
from services.billing.ledger.filters import EntryFilter, cursor_of, entry_of
from services.billing.ledger.store_lists import count_entries, list_entries, stream_entries
from shared.events.ledger import EntryKind
from shared.events.numbers import MAX_ID
from shared.http.callers import user_of
from shared.http.envelope import EnvelopeError, read_query, succeed
from shared.postgres.retrying import Connection
from shared.telemetry.logs import get_logger

_MAX_EXPORTS: Final = 2
"""At a time: each keeps a connection of the pool for as long as its reader takes."""
_RETRY_AFTER_S: Final = 5
_WRITE_TIMEOUT_S: Final = 60.0
_MAX_UNIX_S: Final = 253_402_300_799

_logger = get_logger()


def _is_cursor(cursor: str) -> str:
    entry_of(cursor)
    return cursor


UnixSeconds = Annotated[int, Field(ge=0, le=_MAX_UNIX_S)]
Cursor = Annotated[str, StringConstraints(max_length=16), AfterValidator(_is_cursor)]


class LedgerFilterQuery(Body):
    """Which entries of whose ledger."""

    workspace_id: RowId | None = None
    """An admin may name another's."""
    kind: EntryKind | None = None
    from_: Annotated[UnixSeconds | None, Field(alias="from")] = None
    """Posted at this Unix second or later."""
    to: UnixSeconds | None = None
    """Posted before this Unix second."""
    key_id: RowId | None = None
    model: Named | None = None

    def entries(self, workspace_id: int, before_entry_id: int = MAX_ID) -> EntryFilter:
        """The same for the tables."""
        return EntryFilter(
            workspace_id=workspace_id,
            before_entry_id=before_entry_id,
            kind=self.kind,
            posted_from=_time(self.from_),
            posted_until=_time(self.to),
            key_id=self.key_id,
            model=self.model,
        )


class LedgerQuery(Paging, LedgerFilterQuery):
    """A page of a ledger: by number, or, however far, by the `next_cursor` of the page before."""

    before_entry_id: RowId = MAX_ID
    cursor: Cursor | None = None


class LedgerApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._exporting: set[int] = set()
        """The users whose exports run."""

    async def list(self, request: web.Request) -> web.Response:
        """Entries, newest first. They are counted only where no cursor is given."""
        caller, query = user_of(request), read_query(request, LedgerQuery)
        workspace_id = workspace_to_read(request, caller, query.workspace_id)
        is_first = query.cursor is None
        before = query.before_entry_id if query.cursor is None else entry_of(query.cursor)
        wanted = query.entries(workspace_id, before)
        items, has_more = await list_entries(
            self._pool, wanted, limit=query.limit, offset=query.offset if is_first else 0
        )
        return succeed(
            {
                "items": items,
                "total": await count_entries(self._pool, wanted) if is_first else None,
                "page": max(1, query.p),
                "page_size": query.limit,
                "next_cursor": cursor_of(items[-1]["entry_id"]) if has_more else None,
            }
        )

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Every entry that matches, oldest first, as they were at one moment."""
        caller, query = user_of(request), read_query(request, LedgerFilterQuery)
        workspace_id = workspace_to_read(request, caller, query.workspace_id)
        wanted = query.entries(workspace_id)
        response = _csv_response(workspace_id)
        with self._turn(caller.user_id):
            async with self._pool.acquire() as connection:
                is_whole = await _send(request, response, connection, wanted)
        # Not before: who has all of it may ask for the next one at once.
        if is_whole and response.prepared:
            with suppress(OSError):  # the reader left with all but the end
                await response.write_eof()
        return response

    @contextmanager
    def _turn(self, user_id: int) -> Iterator[None]:
        """One for each user, so that nobody keeps all others waiting by reading slowly."""
        if user_id in self._exporting or len(self._exporting) >= _MAX_EXPORTS:
            raise EnvelopeError(
                "other exports are running; try again",
                http_status=429,
                retry_after_s=_RETRY_AFTER_S,
            )
        self._exporting.add(user_id)
        try:
            yield
        finally:
            self._exporting.discard(user_id)


def _csv_response(workspace_id: int) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "text/csv"
    response.charset = "utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="ledger-{workspace_id}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    connection: Connection,
    wanted: EntryFilter,
) -> bool:
    """Write all but the end; False where it had to be cut."""
    async with aclosing(stream_entries(connection, wanted)) as pieces:
        # Before the head is sent, so that a database that is away is told as such.
        piece = await anext(pieces, None)
        if request.method == hdrs.METH_HEAD:
            return True
        await response.prepare(request)
        try:
            await response.write(csv_head())
            while piece is not None:
                async with asyncio.timeout(_WRITE_TIMEOUT_S):
                    await response.write(csv_lines(piece))
                piece = await anext(pieces, None)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            # The head is gone: an error would stand among the entries. Leave it visibly cut.
            _logger.warning("ledger.export_cut", error=type(error).__name__)
            if request.transport is not None:
                request.transport.abort()
            return False
    return True


def _time(unix_s: int | None) -> datetime | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)

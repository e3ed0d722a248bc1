"""`/api/billing/ledger`, and all of it as CSV."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Final

import asyncpg
from aiohttp import web
from pydantic import AfterValidator, Field, StringConstraints

from services.billing.api.requests import Body, Named, Paging, RowId, workspace_to_read
from services.billing.ledger.exporting import csv_head, csv_lines
from services.billing.ledger.filters import EntryFilter, cursor_of, entry_of
from services.billing.ledger.store_lists import count_entries, list_entries, stream_entries
from shared.events.ledger import EntryKind
from shared.events.numbers import MAX_ID
from shared.http.callers import user_of
from shared.http.envelope import read_query, succeed
from shared.http.exports import ExportFile, Exports

_MAX_UNIX_S: Final = 253_402_300_799


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
        self._exports = Exports(cut_event="ledger.export_cut")

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
        file = ExportFile(f"ledger-{workspace_id}.csv", "text/csv", csv_head())
        lines = self._lines(query.entries(workspace_id))
        return await self._exports.send(request, caller.user_id, file, lines)

    async def _lines(self, wanted: EntryFilter) -> AsyncGenerator[bytes, None]:
        async with (
            self._pool.acquire() as connection,
            aclosing(stream_entries(connection, wanted)) as pieces,
        ):
            async for entries in pieces:
                yield csv_lines(entries)


def _time(unix_s: int | None) -> datetime | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)

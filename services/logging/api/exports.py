"""`GET /api/requests/export`: all that match, as a file, in constant memory."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final, NamedTuple

from aiohttp import web

from services.logging.api.failures import told_as
from services.logging.api.requests import RequestScope
from services.logging.errors import LIST_FAILED
from services.logging.requests.exporting import csv_head, csv_lines, json_lines
from services.logging.requests.filters import RequestFilters
from services.logging.requests.pages import RequestPages
from services.logging.requests.query import ExportQuery
from services.logging.requests.shown import item_of
from shared.http.callers import caller_of
from shared.http.envelope import read_query
from shared.http.exports import ExportFile, Exports

PIECE_ROWS: Final = 1_000


class _Format(NamedTuple):
    file: ExportFile
    lines: Callable[[Iterable[Mapping[str, Any]]], bytes]


_FORMATS: Final = {
    "csv": _Format(ExportFile("requests.csv", "text/csv", csv_head()), csv_lines),
    "jsonl": _Format(ExportFile("requests.jsonl", "application/jsonl", b""), json_lines),
}


class ExportApi:
    """The handler."""

    def __init__(self, *, pages: RequestPages, piece_rows: int = PIECE_ROWS) -> None:
        self._pages = pages
        self._piece_rows = piece_rows
        self._exports = Exports(cut_event="requests.export_cut", told=partial(told_as, LIST_FAILED))

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Every request that matches and that the caller may see, newest first, as of now."""
        scope = RequestScope(caller_of(request))
        query = read_query(request, ExportQuery)
        form = _FORMATS[query.format]
        lines = self._lines(scope.narrowed(query.filters()), form, for_admin=scope.caller.is_admin)
        return await self._exports.send(request, scope.caller.user_id, form.file, lines)

    async def _lines(
        self, filters: RequestFilters, form: _Format, *, for_admin: bool
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._pages.pieces(filters, piece_rows=self._piece_rows)) as pieces:
            async for rows in pieces:
                yield form.lines(item_of(row, for_admin=for_admin) for row in rows)

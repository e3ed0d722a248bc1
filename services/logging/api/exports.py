"""`GET /api/requests/export`: all that match, as a file, in constant memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any, Final, NamedTuple

import asyncpg
from aiohttp import hdrs, web

from services.logging.api.failures import told_as
from services.logging.api.requests import RequestScope
from services.logging.errors import LIST_FAILED
from services.logging.requests.exporting import csv_head, csv_lines, json_lines
from services.logging.requests.pages import RequestPages
from services.logging.requests.query import ExportQuery
from services.logging.requests.shown import item_of
from services.logging.requests.store_requests import StoredRow
from shared.http.callers import caller_of
from shared.http.envelope import EnvelopeError, read_query
from shared.telemetry.logs import get_logger

_logger = get_logger()
PIECE_ROWS: Final = 1_000
_MAX_EXPORTS: Final = 2
_RETRY_AFTER_S: Final = 5
_WRITE_TIMEOUT_S: Final = 60.0


class _Format(NamedTuple):
    media_type: str
    head: bytes
    lines: Callable[[Iterable[Mapping[str, Any]]], bytes]


_FORMATS: Final = {
    "csv": _Format("text/csv", csv_head(), csv_lines),
    "jsonl": _Format("application/jsonl", b"", json_lines),
}


class ExportApi:
    """The handler."""

    def __init__(self, *, pages: RequestPages, piece_rows: int = PIECE_ROWS) -> None:
        self._pages = pages
        self._piece_rows = piece_rows
        self._exporting: set[int] = set()
        """The users whose exports run."""

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Every request that matches and that the caller may see, newest first, as of now."""
        scope = RequestScope(caller_of(request))
        query = read_query(request, ExportQuery)
        filters, is_admin = scope.narrowed(query.filters()), scope.caller.is_admin
        response, form = _response(query.format), _FORMATS[query.format]

        def written(rows: Sequence[StoredRow]) -> bytes:
            return form.lines(item_of(row, for_admin=is_admin) for row in rows)

        with self._turn(scope.caller.user_id):
            async with aclosing(self._pages.pieces(filters, piece_rows=self._piece_rows)) as pieces:
                is_whole = await _send(request, response, form.head, _lines(pieces, written))
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


async def _lines(
    pieces: AsyncIterator[Sequence[StoredRow]], written: Callable[[Sequence[StoredRow]], bytes]
) -> AsyncIterator[bytes]:
    async for rows in pieces:
        yield written(rows)


async def _send(
    request: web.Request, response: web.StreamResponse, head: bytes, lines: AsyncIterator[bytes]
) -> bool:
    """Write all but the end; False where it had to be cut."""
    # Before the head is sent, so that a database that is away is told as such.
    with told_as(LIST_FAILED):
        piece = await anext(lines, None)
    if request.method == hdrs.METH_HEAD:
        return True
    await response.prepare(request)
    try:
        if head:
            await response.write(head)
        while piece is not None:
            async with asyncio.timeout(_WRITE_TIMEOUT_S):
                await response.write(piece)
            piece = await anext(lines, None)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        # The head is gone: an error would stand among the lines. Leave it visibly cut.
        _logger.warning("requests.export_cut", error=type(error).__name__)
        if request.transport is not None:
            request.transport.abort()
        return False
    return True


def _response(file_format: str) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = _FORMATS[file_format].media_type
    response.charset = "utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="requests.{file_format}"'
    response.headers["Cache-Control"] = "no-store"
    return response

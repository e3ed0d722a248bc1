"""`GET /api/requests/stream`: requests as they happen, as server-sent events."""

import asyncio
import socket
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from aiohttp import hdrs, web

from services.logging.api.failures import told_as
from services.logging.api.requests import RequestScope
from services.logging.errors import LIST_FAILED, NOTHING_TO_FOLLOW, TOO_MANY_STREAMS
from services.logging.live.frames import HEARTBEAT, OPENING, frame_of, gap_frame, seen_until
from services.logging.live.ingested import Ingested
from services.logging.live.matching import matcher
from services.logging.live.readers import Reader, Readers, TooManyReadersError
from services.logging.live.tail import LiveTail
from services.logging.metrics import LoggingMetrics
from services.logging.requests.filters import RequestFilters
from services.logging.requests.pages import RequestPages
from services.logging.requests.query import RequestFilterQuery
from shared.http.callers import caller_of
from shared.http.envelope import EnvelopeError, read_query

_LAST_EVENT_ID: Final = "Last-Event-ID"
_MOST_MISSED: Final = 1_000
_OVERLAP_S: Final = 5
"""Events are stored a little out of order: of so long before some come a second time."""
_SEND_BUFFER_BYTES: Final = 64 * 1024
"""The system keeps some MB of a connection otherwise: a slow reader would be noticed late."""
_READY_S: Final = 10.0
_RETRY_AFTER_S: Final = 5


class LiveTimes(NamedTuple):
    """In seconds."""

    heartbeat_s: float = 15.0
    write_s: float = 10.0
    """How long a reader may take nothing."""
    whole_s: float = 240.0
    """How long a stream lasts: then its reader connects again, and is asked for its rights."""
    look_s: float = 1.0
    """How soon it is seen that a reader has left."""


class Missed(NamedTuple):
    """What a reader who comes again has not seen."""

    frames: tuple[bytes, ...] = ()
    """Oldest first."""
    request_ids: frozenset[str] = frozenset()


class LiveApi:
    """The handler."""

    def __init__(
        self,
        *,
        readers: Readers,
        tail: LiveTail,
        pages: RequestPages,
        ingested: Ingested,
        metrics: LoggingMetrics,
        times: LiveTimes | None = None,
    ) -> None:
        self._readers = readers
        self._tail = tail
        self._pages = pages
        self._ingested = ingested
        self._metrics = metrics
        self._times = times or LiveTimes()
        metrics.live_readers.set_function(lambda: len(readers))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Every request that matches and that the caller may see, from now on."""
        scope = RequestScope(caller_of(request))
        filters = scope.narrowed(read_query(request, RequestFilterQuery).filters())
        transport, is_admin = request.transport, scope.caller.is_admin
        reader = Reader(
            user_id=filters.user_id if is_admin else scope.caller.user_id,
            for_admin=is_admin,
            matches=matcher(filters),
            cut=lambda: None if transport is None else transport.abort(),
        )
        try:
            with self._readers.joined(reader, caller_id=scope.caller.user_id):
                return await self._serve(request, reader, filters)
        except TooManyReadersError:
            raise EnvelopeError(
                TOO_MANY_STREAMS, http_status=429, retry_after_s=_RETRY_AFTER_S
            ) from None

    async def end(self, _app: web.Application) -> None:
        """End all streams: at the service's stop nobody waits for those who watch."""
        self._readers.end()

    async def _serve(
        self, request: web.Request, reader: Reader, filters: RequestFilters
    ) -> web.StreamResponse:
        try:
            async with asyncio.timeout(_READY_S):
                await self._tail.wait_ready()
        except TimeoutError:
            raise EnvelopeError(
                NOTHING_TO_FOLLOW, http_status=503, retry_after_s=_RETRY_AFTER_S
            ) from None
        with told_as(LIST_FAILED):
            missed = await self._missed(request, filters, for_admin=reader.for_admin)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # a proxy that gathers an answer would show nothing
            }
        )
        if request.method == hdrs.METH_HEAD:
            return response
        _bound_sending(request)
        reason = "slow"
        try:
            await response.prepare(request)
            await self._write(request, response, reader, missed)
            reason = "stopped" if reader.is_ended else "time"
            await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except OSError:
            if not reader.is_cut:
                reason = "client"
        except asyncio.CancelledError:
            reason = "stopped"
            raise
        finally:
            self._metrics.live_ended.labels(reason).inc()
        return response

    async def _missed(
        self, request: web.Request, filters: RequestFilters, *, for_admin: bool
    ) -> Missed:
        """What happened since the last event that the reader had.

        The reader's queue has all from the tail's present places on. What lies before them is
        waited for, so that the table has it: between the two nothing is left out.
        """
        since = seen_until(request.headers.get(_LAST_EVENT_ID, ""))
        if since is None:
            return Missed()
        not_written = await self._ingested.missing(self._tail.positions)
        since = max(since - _OVERLAP_S, filters.since or 0)
        found = await self._pages.page(replace(filters, since=since), after=None, size=_MOST_MISSED)
        frames = [frame_of(row, for_admin=for_admin) for row in reversed(found.rows)]
        if found.next_cursor is not None:
            frames.insert(0, gap_frame(None))
        if not_written:
            frames.append(gap_frame(not_written))
        return Missed(tuple(frames), frozenset(row["request_id"] for row in found.rows))

    async def _write(
        self, request: web.Request, response: web.StreamResponse, reader: Reader, missed: Missed
    ) -> None:
        """Until the stream's time is over. Raises TimeoutError or OSError."""
        loop, times = asyncio.get_running_loop(), self._times
        end_at = loop.time() + times.whole_s
        piece = b"".join([OPENING, *missed.frames])
        while True:
            async with asyncio.timeout(times.write_s):
                await response.write(piece)
            left_s = end_at - loop.time()
            if left_s <= 0 or reader.is_cut or reader.is_ended:
                return
            piece = HEARTBEAT
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, times.heartbeat_s)):
                    piece = await self._next(request, reader, missed)

    async def _next(self, request: web.Request, reader: Reader, missed: Missed) -> bytes:
        """What is to be told, as soon as there is some. Raises OSError: the reader has left.

        A write would tell so too, but only the second one after, half a minute later.
        """
        while request.transport is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._times.look_s):
                    return await reader.take(without=missed.request_ids)
        raise ConnectionResetError


def _bound_sending(request: web.Request) -> None:
    if request.transport is not None:
        connection: socket.socket = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

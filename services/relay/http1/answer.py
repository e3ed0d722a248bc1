"""One answer: what has come of it and waits to be taken, and no more of that than a bound."""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from services.relay.http1.decoding import Decoder, NotDecodableError, decoder_for
from services.relay.http1.headers import Headers
from services.relay.http1.response_parser import MalformedError, ResponseParser
from services.relay.upstream import UpstreamFailure
from shared.events.requests import ErrorCode

MAX_BUFFERED_BYTES: Final = 256 * 1024
"""Beyond it the connection is not read until what is there was taken."""


class Line(Protocol):
    """What an answer needs of its connection."""

    def pause(self) -> None:
        """Read nothing more; the peer's silence does not count meanwhile."""

    def resume(self) -> None:
        """Read on."""

    def finish(self, *, is_reusable: bool) -> None:
        """The answer needs it no more. Called once."""


class Http1Answer:
    """See UpstreamAnswer. What came before a failure is handed out before the failure is raised."""

    def __init__(self, line: Line, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.has_head = False
        self.is_untouched = True
        """Not one byte of it has come."""
        self.is_paused = False
        self._line: Line | None = line
        self._loop = loop
        self._parser = ResponseParser()
        self._pieces = self._parser.pieces
        self._decoder: Decoder | None = None
        self._buffered_bytes = 0
        self._is_ended = False
        self._failure: ErrorCode | None = None
        self._waiter: asyncio.Future[None] | None = None

    # --- for who reads it ---------------------------------------------------------------------

    async def wait_head(self) -> None:
        """Until `status` and `headers` are there. Raises UpstreamFailure."""
        while not self.has_head:
            if self._failure is not None:
                raise UpstreamFailure(self._failure)
            await self._wait()

    async def next_chunk(self) -> bytes:
        """See UpstreamAnswer. All that is there, at once where there is something."""
        if self._decoder is not None:
            return await self._next_decoded(self._decoder)
        while not self._pieces:
            if self._is_over():
                return b""
            await self._wait()
        return self._take()

    async def read(self, max_bytes: int) -> bytes:
        """See UpstreamAnswer. A body that is not read to its end is aborted."""
        parts: list[bytes] = []
        size = 0
        try:
            while size <= max_bytes and (chunk := await self.next_chunk()):
                parts.append(chunk)
                size += len(chunk)
        except BaseException:
            self.abort()
            raise
        if size > max_bytes:
            self.abort()
            raise UpstreamFailure(ErrorCode.ANSWER_TOO_LARGE)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def abort(self) -> None:
        """See UpstreamAnswer."""
        if not self._is_ended:
            self._pieces.clear()
            self._failure = self._failure or ErrorCode.UPSTREAM_CUT
        self._finish(is_reusable=False)
        self._wake()

    def release(self) -> None:
        """See UpstreamAnswer. The same as `abort` where the end has not come."""
        if self._is_ended:
            self._finish(is_reusable=self._parser.is_reusable)
        else:
            self.abort()

    # --- for its connection -------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """The next bytes of the connection."""
        self.is_untouched = False
        parser = self._parser
        fault: ErrorCode | None = None
        try:
            parser.feed(data)
        except MalformedError:
            fault = ErrorCode.UPSTREAM_CUT
        if not self.has_head:
            if parser.is_head_complete:
                fault = self._take_head() or fault
            elif fault is not None:
                fault = ErrorCode.UPSTREAM_MALFORMED
        if fault is not None:
            self.fail(fault)
            return
        if parser.is_complete:
            self._is_ended = True
        else:
            self._buffered_bytes += len(data)
            if self._buffered_bytes > MAX_BUFFERED_BYTES:
                self._pause()
        self._wake()

    def lost(self, *, is_clean: bool) -> None:
        """The connection has ended; `is_clean` where the peer said so and nothing went wrong."""
        if not self._is_ended and is_clean and self._parser.feed_eof():
            self._is_ended = True
        if self._is_ended:
            self._finish(is_reusable=False)
            self._wake()
        else:
            self.fail(
                ErrorCode.UPSTREAM_CUT if self.has_head else ErrorCode.UPSTREAM_CONNECTION,
            )

    def fail(self, code: ErrorCode) -> None:
        """Nothing more will come."""
        if not self._is_ended and self._failure is None:
            self._failure = code
        self._finish(is_reusable=False)
        self._wake()

    # --- inside -------------------------------------------------------------------------------

    def _take_head(self) -> ErrorCode | None:
        parser = self._parser
        try:
            self._decoder = decoder_for(parser.headers.get(b"content-encoding"))
        except NotDecodableError:
            return ErrorCode.UPSTREAM_MALFORMED
        self.status = parser.status
        self.headers = Headers(parser.headers)
        self.has_head = True
        return None

    def _is_over(self) -> bool:
        """With nothing left to take. Raises UpstreamFailure."""
        if self._failure is not None:
            raise UpstreamFailure(self._failure)
        return self._is_ended

    async def _next_decoded(self, decoder: Decoder) -> bytes:
        try:
            while True:
                piece = decoder.take()
                if piece:
                    return piece
                if self._pieces:
                    decoder.feed(self._take())
                elif self._is_over():
                    decoder.check_end()
                    return b""
                else:
                    await self._wait()
        except NotDecodableError:
            self.abort()
            raise UpstreamFailure(ErrorCode.UPSTREAM_MALFORMED) from None

    def _take(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._buffered_bytes = 0
        if self.is_paused:
            self.is_paused = False
            if self._line is not None:
                self._line.resume()
        return data

    def _pause(self) -> None:
        if not self.is_paused and self._line is not None:
            self.is_paused = True
            self._line.pause()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _finish(self, *, is_reusable: bool) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.finish(is_reusable=is_reusable)

"""One answer: what has come of it and waits to be taken, and no more of that than a bound."""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from services.relay.http1.decoding import Decoder, NotDecodableError, decoder_for
from services.relay.http1.headers import Headers
from services.relay.http1.response_parser import MalformedError, ResponseParser
from services.relay.upstreams.upstream import BodySink, UpstreamFailure
from shared.events.requests import ErrorCode

MAX_BUFFERED_BYTES: Final = 256 * 1024
"""Beyond it the connection is not read until what is there was taken."""
MAX_TURN_BYTES: Final = 1024 * 1024
"""What is decoded and handed on in one go."""


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
        """The connection is not read."""
        self._line: Line | None = line
        self._loop = loop
        self._parser = ResponseParser()
        self._pieces = self._parser.pieces
        self._decoder: Decoder | None = None
        self._buffered_bytes = 0
        self._is_ended = False
        self._failure: ErrorCode | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._sink: BodySink | None = None
        self._is_held = False
        """Whoever takes the body wants no more of it now."""
        self._is_passing = False
        self._is_resting = False

    # --- for who reads it ---------------------------------------------------------------------

    async def wait_head(self) -> None:
        """Until `status` and `headers` are there; without them it is aborted.

        Raises UpstreamFailure.
        """
        while not self.has_head:
            if self._failure is not None:
                raise UpstreamFailure(self._failure)
            try:
                await self._wait()
            except BaseException:
                self.abort()
                raise

    async def next_chunk(self) -> bytes:
        """See UpstreamAnswer. All that is there, at once where there is something."""
        while not (piece := self._take()):
            if self._is_over():
                return b""
            await self._wait()
        return piece

    async def read(self, max_bytes: int) -> bytes:
        """See UpstreamAnswer. A body that is not read to its end is aborted."""
        if self._is_ended and self._decoder is None:
            # All is there: the usual case.
            body = self._take_raw()
            if len(body) <= max_bytes:
                return body
            self.abort()
            raise UpstreamFailure(ErrorCode.ANSWER_TOO_LARGE)
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

    def pass_to(self, sink: BodySink) -> None:
        """See UpstreamAnswer."""
        self._sink = sink
        self._pass()

    def pause(self) -> None:
        """See UpstreamAnswer."""
        self._is_held = True
        self._regulate()

    def resume(self) -> None:
        """See UpstreamAnswer. What was held is passed on inside this call."""
        self._is_held = False
        self._wake()
        self._regulate()

    def abort(self) -> None:
        """See UpstreamAnswer."""
        self._sink = None
        if not self._is_ended:
            self._pieces.clear()
            self._decoder = None
            self._failure = self._failure or ErrorCode.UPSTREAM_CUT
        self._finish(is_reusable=False)
        self._wake()

    def release(self) -> None:
        """See UpstreamAnswer. The same as `abort` where the end has not come."""
        self._sink = None
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
        elif self._sink is None:
            self._buffered_bytes += len(data)
            if self._buffered_bytes > MAX_BUFFERED_BYTES:
                self._regulate()
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

    def _take_decoded(self, decoder: Decoder) -> bytes:
        """What is there, a bounded piece of it. What cannot be decoded becomes the failure."""
        try:
            while not (piece := decoder.take()) and self._pieces:
                decoder.feed(self._take_raw())
            if not piece and self._is_ended and self._failure is None:
                decoder.check_end()
        except NotDecodableError:
            self._pieces.clear()
            self._failure = ErrorCode.UPSTREAM_MALFORMED
            self._finish(is_reusable=False)
            return b""
        return piece

    def _take(self) -> bytes:
        """What is there, decoded; empty where there is nothing."""
        return self._take_raw() if self._decoder is None else self._take_decoded(self._decoder)

    def _take_raw(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._buffered_bytes = 0
        if self.is_paused:
            self._regulate()
        return data

    def _pass(self) -> None:
        """Hand over what is there, as far as the sink takes it; it may call anything meanwhile."""
        if self._is_passing or self._is_resting:
            return
        self._is_passing = True
        left = MAX_TURN_BYTES
        try:
            while (sink := self._sink) is not None and not self._is_held:
                piece = self._take()
                if not piece:
                    self._tell_end(sink)
                    break
                sink.received(piece)
                if self._decoder is None:
                    if not (self._pieces or self._is_ended or self._failure):
                        break  # as after most reads
                    continue
                left -= len(piece)
                if left <= 0:
                    self._rest()
                    break
        finally:
            self._is_passing = False

    def _tell_end(self, sink: BodySink) -> None:
        if self._failure is not None:
            self._sink = None
            sink.failed(self._failure)
        elif self._is_ended:
            self._sink = None
            sink.ended()

    def _rest(self) -> None:
        """Let others have their turn: what a few bytes decode to would keep them waiting."""
        self._is_resting = True
        self._regulate()
        self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_resting = False
        self._wake()
        self._regulate()

    def _regulate(self) -> None:
        """Read the connection, or do not."""
        is_paused = self._is_held or self._is_resting or self._buffered_bytes > MAX_BUFFERED_BYTES
        if is_paused is not self.is_paused and self._line is not None:
            self.is_paused = is_paused
            if is_paused:
                self._line.pause()
            else:
                self._line.resume()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._sink is not None:
            self._pass()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _finish(self, *, is_reusable: bool) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.finish(is_reusable=is_reusable)

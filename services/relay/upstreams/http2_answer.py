"""An answer that httpcore2 reads."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Protocol, cast

import httpcore2

from services.relay.http1.decoding import Decoder, NotDecodableError, decoder_for
from services.relay.http1.headers import Headers
from services.relay.upstreams.pump import Pump
from services.relay.upstreams.reading import read_whole
from services.relay.upstreams.upstream import BodySink, UpstreamFailure
from shared.events.requests import ErrorCode


class Line(Protocol):
    """The connection that it comes on."""

    def finish(self, *, is_reusable: bool) -> None:
        """The answer needs it no more. Idempotent."""


class Http2Answer:
    """See UpstreamAnswer. A read that is cancelled ends it."""

    def __init__(self, response: httpcore2.Response, line: Line, *, idle_s: float) -> None:
        """Raises NotDecodableError where it is compressed in a way that we do not know."""
        raw: dict[bytes, bytes] = {}
        for name, value in response.headers:
            raw.setdefault(name.lower(), value)
        self._decoder: Decoder | None = decoder_for(raw.get(b"content-encoding"))
        self._response = response
        self._body: AsyncIterator[bytes] = aiter(cast("AsyncIterable[bytes]", response.stream))
        self._line = line
        self._idle_s = idle_s
        self._pump = Pump(self)
        self._is_ended = False
        self._failure: ErrorCode | None = None
        self.status = response.status
        self.headers: Mapping[str, str] = Headers(raw)

    async def next_chunk(self) -> bytes:
        """See UpstreamAnswer."""
        decoder = self._decoder
        if decoder is None:
            return await self._pull()
        try:
            while not (piece := decoder.take()):
                chunk = await self._pull()
                if not chunk:
                    decoder.check_end()
                    return b""
                decoder.feed(chunk)
        except NotDecodableError:
            self._fail(ErrorCode.UPSTREAM_MALFORMED)
            raise UpstreamFailure(ErrorCode.UPSTREAM_MALFORMED) from None
        return piece

    async def read(self, max_bytes: int) -> bytes:
        """See UpstreamAnswer."""
        return await read_whole(self, max_bytes)

    def ready(self) -> bytes | None:
        """See Source. Nothing is read before it is asked for."""
        return None

    def pass_to(self, sink: BodySink) -> None:
        """See UpstreamAnswer."""
        self._pump.start(sink)

    def pause(self) -> None:
        """See UpstreamAnswer."""
        self._pump.pause()

    def resume(self) -> None:
        """See UpstreamAnswer."""
        self._pump.resume()

    def abort(self) -> None:
        """See UpstreamAnswer."""
        self._pump.stop()
        self._fail(ErrorCode.UPSTREAM_CUT)

    def release(self) -> None:
        """See UpstreamAnswer. The same as `abort` where the end has not come."""
        if self._is_ended:
            self._pump.stop()
            self._line.finish(is_reusable=True)
        else:
            self.abort()

    async def _pull(self) -> bytes:
        if self._failure is not None:
            raise UpstreamFailure(self._failure)
        if self._is_ended:
            return b""
        code = ErrorCode.UPSTREAM_CUT
        try:
            async with asyncio.timeout(self._idle_s):
                while (chunk := await anext(self._body, None)) is not None:
                    if chunk:
                        return chunk
                await self._response.aclose()
        except TimeoutError:
            code = ErrorCode.UPSTREAM_TIMEOUT
        except Exception:  # noqa: BLE001  # four libraries lie below, each with errors of its own
            code = ErrorCode.UPSTREAM_CUT
        except BaseException:
            self._fail(code)
            raise
        else:
            self._is_ended = True
            return b""
        self._fail(code)
        raise UpstreamFailure(code)

    def _fail(self, code: ErrorCode) -> None:
        if not self._is_ended:
            self._failure = self._failure or code
        self._line.finish(is_reusable=False)

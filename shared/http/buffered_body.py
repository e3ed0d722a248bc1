"""A streaming answer's body through aiohttp: for HEAD, 204, 304, HTTP/1.0 and compression."""

import asyncio

from aiohttp import web


class BufferedBody:
    """Takes parts at once and hands them to aiohttp in `room()`, which is due after each."""

    __slots__ = ("_is_empty", "_left", "_parts", "_request", "_response")

    def __init__(
        self, request: web.BaseRequest, response: web.StreamResponse, *, is_empty: bool
    ) -> None:
        """`is_empty`: the answer has no body, whatever is written."""
        self._request = request
        self._response = response
        self._is_empty = is_empty
        self._left = None if is_empty else response.content_length
        self._parts: list[bytes] = []

    @property
    def is_gone(self) -> bool:
        """The client has left: nothing can be written any more."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    @property
    def is_full(self) -> bool:
        """Something waits for `room()` to write it."""
        return bool(self._parts)

    def write(self, data: bytes) -> bool:
        """A part of the body. More than the head has promised aborts the connection."""
        if self.is_gone:
            return False
        if self._left is not None:
            if len(data) > self._left:
                self.abort()
                return False
            self._left -= len(data)
        if data and not self._is_empty:
            self._parts.append(data)
        return True

    async def room(self, timeout_s: float) -> bool:
        """Writes what waits; False: the client is gone, or did not take it in time."""
        parts, self._parts = self._parts, []
        try:
            async with asyncio.timeout(timeout_s):
                for part in parts:
                    await self._response.write(part)
        except (ConnectionError, TimeoutError):
            return False
        return not self.is_gone

    async def end(self, last: bytes, timeout_s: float) -> bool:
        """The last part and the end. A body that is not as long as its head said is aborted."""
        if self._left not in (None, len(last)) or not await self.room(timeout_s):
            self.abort()
            return False
        try:
            async with asyncio.timeout(timeout_s):
                await self._response.write_eof(b"" if self._is_empty else last)
        except (ConnectionError, TimeoutError):
            self.abort()
            return False
        return True

    def abort(self) -> None:
        """Close the connection without a proper end."""
        self._response.force_close()
        if self._request.transport is not None:
            self._request.transport.abort()

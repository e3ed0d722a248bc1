"""Writing the body of a streaming answer without a coroutine for each part of it.

After aiohttp has sent the head, the parts go straight to the transport, framed here; the last one
and the end go through aiohttp again, so that it knows that the answer is whole. Where bytes of a
body may not simply follow the head, everything goes through aiohttp (`buffered_body`).
"""

import asyncio
from typing import Final, Protocol

from aiohttp import HttpVersion11, hdrs, web

from shared.http.buffered_body import BufferedBody
from shared.http.connection import HIGH_WATER_BYTES, SERVER, GuardedConnection

_WITHOUT_BODY: Final = frozenset({204, 304})
_FRAME_BYTES: Final = 64
"""More than the framing of the last part ever has."""


_CHUNK_END: Final = b"\r\n"
_CHUNK_HEADS: Final = [b"%x\r\n" % size for size in range(4096)]
"""Of the sizes that events have."""


class StreamBody(Protocol):
    """The body of one streaming answer, after its head was prepared."""

    @property
    def is_gone(self) -> bool:
        """The client has left: nothing can be written any more."""

    @property
    def is_full(self) -> bool:
        """Nothing should be written before `room()`: the buffer has reached its mark."""

    def write(self, data: bytes) -> bool:
        """A part of the body, at once. False: the client is gone, and nothing was written."""

    async def room(self, timeout_s: float) -> bool:
        """Waits until there is room again; False: gone, or not in time."""

    async def end(self, last: bytes, timeout_s: float) -> bool:
        """The last part and the end. Where they could not be written: abort, and False."""

    def abort(self) -> None:
        """Close the connection without a proper end: the answer is visibly not whole."""


class RawBody:
    """A body that goes straight to the transport."""

    __slots__ = ("_connection", "_left", "_response")

    def __init__(
        self, connection: GuardedConnection, response: web.StreamResponse, length: int | None
    ) -> None:
        self._connection = connection
        self._response = response
        self._left = length
        """Bytes that the head has promised and that are still to come; None: chunks."""

    @property
    def is_gone(self) -> bool:
        """The client has left: nothing can be written any more."""
        transport = self._connection.transport
        return transport is None or transport.is_closing()

    @property
    def is_full(self) -> bool:
        """The transport's buffer is above its high-water mark."""
        return self._connection.is_full

    def write(self, data: bytes) -> bool:
        """A part of the body, at once. More than the head has promised aborts the connection."""
        transport = self._connection.transport
        if transport is None or transport.is_closing():
            return False
        if self._left is not None:
            return self._write_counted(transport, data, self._left)
        if data:  # an empty chunk would be the end
            transport.write(b"".join((_chunk_head(len(data)), data, _CHUNK_END)))
        return True

    def _write_counted(self, transport: asyncio.Transport, data: bytes, left: int) -> bool:
        if len(data) > left:
            self.abort()
            return False
        self._left = left - len(data)
        transport.write(data)
        return True

    async def room(self, timeout_s: float) -> bool:
        """Waits until the transport takes more; False: gone, or not in time."""
        return await self._connection.room(timeout_s)

    async def end(self, last: bytes, timeout_s: float) -> bool:
        """The last part and the end. A body that is not as long as its head said is aborted."""
        transport = self._connection.transport
        if transport is None or self._left not in (None, len(last)):
            self.abort()
            return False
        try:
            if (
                transport.get_write_buffer_size() + len(last) + _FRAME_BYTES < HIGH_WATER_BYTES
                and not self._connection.is_full
            ):
                await self._response.write_eof(last)  # has nothing to wait for
            else:
                async with asyncio.timeout(timeout_s):
                    await self._response.write_eof(last)
        except (ConnectionError, TimeoutError):
            self.abort()
            return False
        return True

    def abort(self) -> None:
        """Close the connection without a proper end."""
        self._response.force_close()
        if self._connection.transport is not None:
            self._connection.transport.abort()


def _chunk_head(size: int) -> bytes:
    return _CHUNK_HEADS[size] if size < len(_CHUNK_HEADS) else b"%x\r\n" % size


async def begin_body(request: web.BaseRequest, response: web.StreamResponse) -> StreamBody:
    """Sends the head of `response`, and gives the way to write its body.

    Raises ConnectionError where the client is gone.
    """
    if request.version != HttpVersion11 and response.content_length is None:
        response.force_close()  # its end is the connection's
    response.headers.setdefault(hdrs.SERVER, SERVER)
    await response.prepare(request)
    is_empty = request.method == hdrs.METH_HEAD or response.status in _WITHOUT_BODY
    headers, connection = response.headers, request.protocol
    is_chunked = hdrs.TRANSFER_ENCODING in headers
    length = None if is_chunked else response.content_length
    if (
        not is_empty
        and not response.compression
        and request.version == HttpVersion11
        and (is_chunked or length is not None)
        and isinstance(connection, GuardedConnection)
    ):
        return RawBody(connection, response, length)
    return BufferedBody(request, response, is_empty=is_empty)

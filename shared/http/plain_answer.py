"""An answer whose body is at hand: its head and its body leave in one write.

For the answers of the hot path. What `web.Response` can do beyond that (cookies, compression,
headers that change after it was made, a body that is read from somewhere) costs each answer
several times as much, and is not there.
"""

import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, NoReturn

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from shared.http.connection import SERVER, GuardedConnection

_WITHOUT_BODY: Final = frozenset({204, 304})
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
_FIRST_LINES: Final = {status: f"HTTP/1.1 {status} {told}\r\n" for status, told in _REASONS.items()}
_COPIED_BYTES: Final = 128 * 1024
"""A body up to this is copied behind its head; a larger one is written by itself."""


class PlainAnswer(web.StreamResponse):
    """One answer, for one request. `headers` name its Content-Type; the framing is done here.

    Raises ValueError for a header with anything in it that cannot be printed, such as a line break.
    """

    _is_kept: bool | None = None
    _asked: web.BaseRequest | None = None
    _is_sent = False

    def __init__(self, status: int, body: bytes, headers: Iterable[tuple[str, str]]) -> None:
        # The constructor above would make the maps that this class exists to leave out.
        text = ""
        for name, value in headers:
            line = f"{name}: {value}"
            if not line.isprintable():
                raise ValueError("a header with control characters")
            text += f"{line}\r\n"
        self._text = text
        self._code = status
        self._content = body

    @property
    def status(self) -> int:
        """The status code."""
        return self._code

    @property
    def reason(self) -> str:
        """The status line's phrase."""
        return _REASONS.get(self._code, "")

    @property
    def body(self) -> bytes:
        """The whole body."""
        return self._content

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """The headers that it was made with."""
        lines = self._text.split("\r\n")[:-1]
        return tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))

    @property
    def headers(self) -> NoReturn:
        """Not there: what would be changed in it would not be sent."""
        raise TypeError("the headers of a plain answer cannot be changed")

    @property
    def body_length(self) -> int:
        """How long the body is."""
        return len(self._content)

    @property
    def prepared(self) -> bool:
        """Whether it belongs to a request already."""
        return self._asked is not None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open after it; None where that was not decided yet."""
        return self._is_kept

    def force_close(self) -> None:
        """Close the connection after it."""
        self._is_kept = False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Take note of the request. Nothing is sent before the end."""
        self._asked = request
        if self._is_kept is None:
            self._is_kept = request.keep_alive
        return request.writer

    async def write(self, _data: bytes | bytearray | memoryview) -> NoReturn:
        """It is whole already."""
        raise RuntimeError("a plain answer is whole already")

    async def write_eof(self, _data: bytes = b"") -> None:
        """Sends it. Raises ConnectionError where the client is gone or takes nothing."""
        request = self._asked
        if self._is_sent or request is None:
            return
        self._is_sent = True
        protocol = request.protocol
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        head, body = self._framed(request)
        if len(body) <= _COPIED_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        if protocol.writing_paused:
            if not isinstance(protocol, GuardedConnection):
                await request.writer.drain()
            elif not await protocol.taken():
                transport.abort()
                raise ConnectionResetError

    def _framed(self, request: web.BaseRequest) -> tuple[bytes, bytes]:
        version, status, body = request.version, self._code, self._content
        connection = ""
        if version == HttpVersion11:
            first = _FIRST_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
            if not self._is_kept:
                connection = "Connection: close\r\n"
        else:
            first = f"HTTP/{version.major}.{version.minor} {status} {self.reason}\r\n"
            if self._is_kept and version == HttpVersion10:
                connection = "Connection: keep-alive\r\n"
        length = f"Content-Length: {len(body)}\r\n"
        if status in _WITHOUT_BODY or request.method == hdrs.METH_HEAD:
            if status in _WITHOUT_BODY or not body:
                length = ""
            body = b""
        head = f"{first}{self._text}{length}{_same_for_a_second()}{connection}\r\n"
        return head.encode(), body


class _Second:
    """The headers that are the same for all answers of a second."""

    __slots__ = ("text", "time_s")

    def __init__(self) -> None:
        self.time_s = 0
        self.text = ""


_SECOND: Final = _Second()


def _same_for_a_second() -> str:
    now_s = int(time.time())
    if now_s != _SECOND.time_s:
        _SECOND.text = f"Date: {formatdate(now_s, usegmt=True)}\r\nServer: {SERVER}\r\n"
        _SECOND.time_s = now_s
    return _SECOND.text

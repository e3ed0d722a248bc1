"""A client's connection, with what aiohttp's own leaves out: time for a head, and a plain refusal.

aiohttp gives a head that never ends the whole keep-alive time, and answers what it cannot parse
with text that quotes it and a line in the error log. It also says when the transport's buffer is
full, which is for who writes to the transport itself (`raw_body`).
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

Refuse = Callable[[int, str], bytes]
"""The JSON body of a refusal, from a status and a message."""

SERVER: Final = "ledgerline"
"""What the `Server` header says; aiohttp's own would name its version."""
HIGH_WATER_BYTES: Final = 64 * 1024
"""A transport that holds more than this is full, until it holds a quarter of it or less."""
_MALFORMED: Final = 400
_TIMEOUT: Final = 408
_TOO_LARGE: Final = 431
_MESSAGES: Final = {
    _MALFORMED: "The request is not well-formed HTTP.",
    _TIMEOUT: "The request's headers did not arrive in time.",
    _TOO_LARGE: "A line of the request's headers is too long.",
}
_INTERNAL: Final = "Something went wrong inside the gateway."
_LATE: Final = (
    "HTTP/1.1 408 Request Timeout\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: {length}\r\n"
    "Connection: close\r\n"
    "\r\n"
)


class GuardedConnection(RequestHandler):
    """One connection. A head that has begun must end within `head_s`."""

    __slots__ = ("_client_idle_s", "_head_s", "_head_timer", "_refuse", "_room", "is_full")

    def __init__(
        self, *args: Any, head_s: float, client_idle_s: float, refuse: Refuse, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._client_idle_s = client_idle_s
        self._head_s = head_s
        self._head_timer: asyncio.TimerHandle | None = None
        self._refuse = refuse
        self._room: asyncio.Future[None] | None = None
        self.is_full = False
        """Whether the transport has asked for nothing more to be written for now."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The beginning."""
        super().connection_made(transport)
        if isinstance(transport, asyncio.WriteTransport):
            transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        """Bytes came. While a request is waited for, they can only be a part of its head."""
        requests_before = self._request_count
        super().data_received(data)
        if self._request_count != requests_before:  # a head is whole
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None and self._is_waiting():
            self._head_timer = self._loop.call_later(
                self._head_s, self._head_is_late, requests_before
            )

    def pause_writing(self) -> None:
        """The transport's buffer is above its high-water mark."""
        super().pause_writing()
        self.is_full = True

    def resume_writing(self) -> None:
        """It has drained."""
        super().resume_writing()
        self.is_full = False
        self._wake()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The end."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().connection_lost(exc)
        self._wake()

    async def room(self, timeout_s: float) -> bool:
        """Waits until the transport takes more. False: not in time, or the client is gone.

        For the one who writes the answer at hand: two may not wait at a time.
        """
        if self.is_full and self.transport is not None:
            self._room = self._loop.create_future()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._room
            except TimeoutError:
                return False
            finally:
                self._room = None
        return self.transport is not None and not self.transport.is_closing()

    async def taken(self) -> bool:
        """As `room`, for as long as the client takes something in each `client_idle_s`."""
        held = self._held_bytes()
        while not await self.room(self._client_idle_s):
            before, held = held, self._held_bytes()
            if held == 0 or held >= before:
                return False
        return True

    def _held_bytes(self) -> int:
        transport = self.transport
        if transport is None or transport.is_closing():
            return 0
        return transport.get_write_buffer_size()

    def _wake(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # it may quote what was sent
    ) -> web.StreamResponse:
        """What could not be parsed is told so, and nothing of it is logged."""
        if request.writer.output_size > 0:
            raise ConnectionError
        if isinstance(exc, LineTooLong):
            status = _TOO_LARGE
        told = web.Response(
            status=status,
            body=self._refuse(status, _MESSAGES.get(status, _INTERNAL)),
            content_type="application/json",
            headers={"Server": SERVER},
        )
        told.force_close()
        return told

    def _is_waiting(self) -> bool:
        """Whether no request is being served and none has come whole."""
        if self._request_count == 0:
            return True  # even before aiohttp's own task has begun to wait
        waiter = self._waiter
        return waiter is not None and not waiter.done()

    def _head_is_late(self, requests_before: int) -> None:
        self._head_timer = None
        if self._request_count != requests_before or not self._is_waiting():
            return
        if self.transport is not None:
            body = self._refuse(_TIMEOUT, _MESSAGES[_TIMEOUT])
            self.transport.write(_LATE.format(length=len(body)).encode() + body)
        self.force_close()

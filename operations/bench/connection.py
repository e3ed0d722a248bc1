"""One keep-alive connection of the load generator. It reads no more than tells it what came."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple, cast

from operations.bench.traffic import ANSWER_BYTES, EVENTS_PER_STREAM

_END_OF_CHUNKS: Final = b"\r\n0\r\n\r\n"
_EVENT_END: Final = b"\n\n"
_OK: Final = b"HTTP/1.1 200 "


class Answer(NamedTuple):
    """A whole answer."""

    request_id: str
    sent_at: float
    first_byte_at: float
    finished_at: float


class Connection(asyncio.Protocol):
    """Sends one prepared request after the other, and checks status, length and events of each."""

    def __init__(
        self,
        request: bytes,
        *,
        on_answer: "Callable[[Connection, Answer], None]",
        is_stream: bool,
        keeps_id: bool,
    ) -> None:
        self._request = request
        self._on_answer = on_answer
        self._is_stream = is_stream
        self._keeps_id = keeps_id
        self._transport: asyncio.Transport | None = None
        self._wrong: str | None = None
        self._sent_at = self._first_byte_at = 0.0
        self._in_head = True
        self._head = b""
        self._tail = b""
        self._request_id = ""
        self._body_bytes = 0
        self._events_before = 0
        self.events = 0
        self.is_busy = False

    def send(self, at: float) -> None:
        """Send the next request; `at` is when it was due."""
        if self._transport is None:
            return
        self.is_busy = True
        self._sent_at = at
        self._in_head, self._head, self._tail, self._body_bytes = True, b"", b"", 0
        self._first_byte_at = 0.0
        self._events_before = self.events
        self._transport.write(self._request)

    def require_right(self) -> None:
        """Raises RuntimeError where an answer was not what was asked for."""
        if self._wrong is not None:
            raise RuntimeError(self._wrong)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._wrong = self._wrong or f"the connection was lost: {type(exc).__name__}"
        self._transport, self.is_busy = None, False

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._in_head:
            data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._read_head(data[: end + 2])
            data = data[end + 4 :]
        if not data:
            return
        if not self._first_byte_at:
            self._first_byte_at = monotonic()
        if self._is_stream:
            self._read_events(data)
        else:
            self._body_bytes += len(data)
            if self._body_bytes >= ANSWER_BYTES:
                self._finish(is_right=self._body_bytes == ANSWER_BYTES)

    def _read_head(self, head: bytes) -> None:
        self._in_head = False
        if not head.startswith(_OK):
            self._fail(f"answered {head[:60]!r}")
        if self._keeps_id:
            _, _, rest = head.lower().partition(b"\r\nx-request-id: ")
            self._request_id = rest.partition(b"\r\n")[0].decode()

    def _read_events(self, data: bytes) -> None:
        # An event's end may be split between two reads.
        self.events += data.count(_EVENT_END) + (self._tail[-1:] + data[:1] == _EVENT_END)
        self._tail = (self._tail + data)[-len(_END_OF_CHUNKS) :]
        if self._tail == _END_OF_CHUNKS:
            self._finish(is_right=self.events - self._events_before == EVENTS_PER_STREAM)

    def _finish(self, *, is_right: bool) -> None:
        if not is_right:
            self._fail(f"{self._body_bytes} bytes, {self.events - self._events_before} events")
            return
        self.is_busy = False
        answer = Answer(self._request_id, self._sent_at, self._first_byte_at, monotonic())
        self._on_answer(self, answer)

    def _fail(self, wrong: str) -> None:
        self._wrong = self._wrong or f"an answer was not right: {wrong}"
        if self._transport is not None:
            self._transport.abort()

"""One connection to an upstream: it carries one call at a time, and waits for the next."""

import asyncio
import math
from typing import Final, Protocol, cast

from services.relay.http1.answer import Http1Answer
from shared.events.requests import ErrorCode

_COPIED_BYTES: Final = 64 * 1024
# A timer may come a moment before its time.
_EARLY_S: Final = 0.002


class Owner(Protocol):
    """Whoever hands connections out."""

    def finished(self, connection: "Connection", *, is_reusable: bool) -> None:
        """A call is over. Called once for each."""

    def lost(self, connection: "Connection") -> None:
        """It is closed, or closing. May be called again."""


class Connection:
    """An `asyncio.Protocol`, but by name: compiled, a class of our own is several times as fast.

    One timer watches it: over the first byte, the pauses within an answer, and the idle time.

    It is not set anew for each of them: when it comes it looks at the deadline of the moment.
    """

    def __init__(self, owner: Owner, *, idle_s: float, keep_s: float) -> None:
        """`idle_s` between the bytes of an answer, `keep_s` between two calls."""
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._idle_s = idle_s
        self._keep_s = keep_s
        self._transport: asyncio.Transport | None = None
        self._answer: Http1Answer | None = None
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._is_paused = False
        self.is_reused = False
        self.lost: asyncio.Future[None] = self._loop.create_future()
        """Done when the transport is gone."""

    @property
    def is_open(self) -> bool:
        """Whether a call can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, head: bytes, body: bytes, *, deadline: float) -> Http1Answer:
        """Send a call on an open connection that is free. `deadline` (loop time) is its head's."""
        transport = cast("asyncio.Transport", self._transport)
        answer = self._answer = Http1Answer(self, self._loop)
        self._watch(deadline)
        if len(body) <= _COPIED_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        return answer

    def close(self) -> None:
        """At once, whatever is under way. Idempotent."""
        transport, self._transport = self._transport, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if transport is not None:
            transport.abort()
        if self._answer is not None:
            self._answer.lost(is_clean=False)
        self._owner.lost(self)

    # --- for its answer -----------------------------------------------------------------------

    def pause(self) -> None:
        """See Line."""
        if self._transport is not None:
            self._transport.pause_reading()
            self._is_paused = True
            self._deadline = math.inf

    def resume(self) -> None:
        """See Line."""
        if self._transport is not None:
            self._transport.resume_reading()
            self._is_paused = False
            self._watch(self._loop.time() + self._idle_s)

    def finish(self, *, is_reusable: bool) -> None:
        """See Line. What has not been wholly sent, or not wholly read, is never used again."""
        self._answer = None
        is_reusable = is_reusable and self._is_free()
        if is_reusable:
            self.is_reused = True
            self._watch(self._loop.time() + self._keep_s)
        else:
            self.close()
        self._owner.finished(self, is_reusable=is_reusable)

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. Bytes that nobody asked for end the connection."""
        answer = self._answer
        if answer is None:
            self.close()
            return
        had_head = answer.has_head
        if had_head:
            # Before it is taken in: what it sets off (a pause, the end) has the last word.
            self._deadline = self._loop.time() + self._idle_s
        answer.received(data)
        if not had_head and answer.has_head and self._answer is answer and not answer.is_paused:
            self._watch(self._loop.time() + self._idle_s)

    def pause_writing(self) -> None:
        """See asyncio.Protocol. A request is one piece, and at hand: nothing is to be held back."""

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""

    def eof_received(self) -> None:
        """See asyncio.Protocol. The peer sends nothing more: so do we."""
        self._lose(is_clean=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._lose(is_clean=exc is None)
        if not self.lost.done():
            self.lost.set_result(None)

    # --- inside -------------------------------------------------------------------------------

    def _is_free(self) -> bool:
        transport = self._transport
        return (
            transport is not None
            and not transport.is_closing()
            and not self._is_paused
            and transport.get_write_buffer_size() == 0
        )

    def _lose(self, *, is_clean: bool) -> None:
        if self._answer is not None:
            self._answer.lost(is_clean=is_clean)
        self.close()

    def _watch(self, deadline: float) -> None:
        self._deadline = deadline
        if deadline < self._timer_at or self._timer is None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._deadline > self._loop.time() + _EARLY_S:
            if self._deadline < math.inf:
                self._watch(self._deadline)
        elif self._answer is None:
            self.close()
        else:
            self._answer.fail(ErrorCode.UPSTREAM_TIMEOUT)

"""Passing one stream on: each piece in the callback that read it, and no task but one that waits.

A client that reads slowly slows its upstream: while its connection is full, nothing is read there.
A client that has left is passed nothing more, and its answer is read on for what it used.
"""

import asyncio

from services.relay.answering.draining import DrainLimits
from services.relay.dialects.dialect import AnswerMalformedError, StreamReader
from services.relay.exchange import ANSWERED, Ending, Exchange, broken_off
from services.relay.upstreams.upstream import UpstreamAnswer
from shared.events.requests import ErrorCode
from shared.http.raw_body import StreamBody
from shared.telemetry.logs import get_logger

_logger = get_logger()


class Following:
    """A BodySink. Give it to `UpstreamAnswer.pass_to`; `over` tells how the stream ended."""

    def __init__(
        self,
        exchange: Exchange,
        answer: UpstreamAnswer,
        reader: StreamReader,
        body: StreamBody,
        *,
        client_idle_s: float,
        drain: DrainLimits,
    ) -> None:
        self._exchange = exchange
        self._answer = answer
        self._reader = reader
        self._body = body
        self._client_idle_s = client_idle_s
        self._drain = drain
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Task[None] | None = None
        self._drained: asyncio.TimerHandle | None = None
        self._has_spoken = False
        self.over: asyncio.Future[Ending] = self._loop.create_future()
        if exchange.client_disconnected:
            self._client_left()

    def received(self, data: bytes) -> None:
        """See BodySink."""
        try:
            passed = self._reader.feed(data)
        except AnswerMalformedError as malformed:
            self._break_off(malformed.code)
            return
        except Exception:
            # A fault of ours in the middle of a stream: the client must see that it is not the end.
            _logger.exception("stream.failed", request_id=self._exchange.arrival.request_id)
            self._break_off(ErrorCode.INTERNAL)
            return
        if self._drained is not None:
            self._read_on()
        elif passed:
            body = self._body
            if not body.write(passed):
                self._client_left()
                return
            self._exchange.response_bytes += len(passed)
            if body.is_full:
                self._answer.pause()
                self._waiting = self._loop.create_task(self._wait_for_room())

    def ended(self) -> None:
        """See BodySink."""
        reader = self._reader
        if reader.has_error:
            self._end(broken_off(ErrorCode.UPSTREAM_SERVER_ERROR))
        elif self._drained is None and not reader.is_whole:
            self._break_off(ErrorCode.UPSTREAM_CUT)
            return
        else:
            self._end(ANSWERED)
        self._answer.release()

    def failed(self, code: ErrorCode) -> None:
        """See BodySink."""
        self._break_off(code)

    def stop(self) -> None:
        """Nothing more is passed on or read. Idempotent."""
        self._answer.abort()
        self._end(broken_off(ErrorCode.SHUTTING_DOWN))

    def _client_left(self) -> None:
        self._exchange.client_disconnected = True
        self._has_spoken = self._reader.content_bytes > 0
        wait_s = self._drain.rest_s if self._has_spoken else self._drain.before_content_s
        self._drained = self._loop.call_later(wait_s, self._stop_reading)

    def _read_on(self) -> None:
        if not self._has_spoken and self._reader.content_bytes > 0:
            self._has_spoken = True
            if self._drained is not None:
                self._drained.cancel()
            self._drained = self._loop.call_later(self._drain.rest_s, self._stop_reading)

    def _stop_reading(self) -> None:
        self._answer.abort()
        has_error = self._reader.has_error
        self._end(broken_off(ErrorCode.UPSTREAM_SERVER_ERROR) if has_error else ANSWERED)

    def _break_off(self, code: ErrorCode) -> None:
        self._answer.abort()
        self._end(broken_off(code))

    def _end(self, ending: Ending) -> None:
        if self._drained is not None:
            self._drained.cancel()
        if self._waiting is not None:
            self._waiting.cancel()
        if not self.over.done():
            self.over.set_result(ending)

    async def _wait_for_room(self) -> None:
        try:
            has_room = await self._body.room(self._client_idle_s)
        except Exception:
            # Nobody waits for this task: the stream would stand still for ever.
            _logger.exception("stream.failed", request_id=self._exchange.arrival.request_id)
            self._waiting = None
            self._break_off(ErrorCode.INTERNAL)
            return
        self._waiting = None
        if not has_room:
            self._client_left()
        self._answer.resume()

"""Passing an upstream's answer on to the client, and completing the request before its last bytes.

The order is the promise: the charge is in the journal, then the end of the answer leaves. A client
that got an answer whole has therefore been charged; one that did not may have been, if it left.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from services.relay.attempts import Answered, Refused
from services.relay.dialects.dialect import AnswerMalformedError, Call, Dialect, StreamReader
from services.relay.draining import Draining, DrainLimits
from services.relay.errors import RelayError, answer_not_whole
from services.relay.exchange import Ending, Exchange
from services.relay.recorder import Recorder
from services.relay.upstream import UpstreamFailure
from shared.events.requests import ErrorCode, Outcome
from shared.telemetry.logs import get_logger

_logger = get_logger()
_OK: Final = 200
REQUEST_ID_HEADER: Final = "x-request-id"
LIMIT_HEADERS: Final = web.RequestKey("limit_headers", Mapping[str, str])
"""What its limits tell; on every answer of a request that has any."""


class Passing:
    """Passes answers on for one relay."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        durable: Callable[[], Awaitable[None]],
        max_answer_bytes: int,
        client_idle_s: float,
        drain: DrainLimits,
    ) -> None:
        self._recorder = recorder
        self._durable = durable
        self._max_answer_bytes = max_answer_bytes
        self._client_idle_s = client_idle_s
        self._drain = drain

    async def plain(self, exchange: Exchange, answered: Answered, call: Call) -> web.StreamResponse:
        """The whole body at once. Raises RelayError 502 where it was cut, malformed or large."""
        answer = answered.answer
        try:
            body = await answer.read(self._max_answer_bytes)
            facts = call.read_answer(body)
        except UpstreamFailure as failure:
            answer.abort()
            raise answer_not_whole(failure.code) from None
        except AnswerMalformedError as malformed:
            answer.abort()
            raise answer_not_whole(malformed.code) from None
        answer.release()
        _took(exchange, answered)
        exchange.usage = facts.usage
        exchange.content_bytes = facts.content_bytes
        exchange.response_bytes = len(body)
        self._first_byte(exchange)
        ending = Ending(outcome=Outcome.SUCCEEDED, http_status=_OK)
        if facts.has_error:
            ending = _failed(ErrorCode.UPSTREAM_SERVER_ERROR)
        self._recorder.complete(exchange, ending)
        await self._durable()
        return web.Response(
            body=body,
            headers={**_passed(answered, call.dialect), "Content-Type": "application/json"},
        )

    def refused(self, exchange: Exchange, refused: Refused, call: Call) -> web.Response:
        """The upstream's own error, with its status, in the dialect."""
        ending = Ending(outcome=Outcome.FAILED, http_status=refused.status, error_code=refused.code)
        body = refused.body
        if not call.dialect.is_error(body):
            told = RelayError(refused.code, refused.status, "The provider refused the request.")
            body = call.dialect.error_body(told, exchange.arrival.request_id)
        exchange.response_bytes = len(body)
        self._recorder.complete(exchange, ending)
        headers = {"Content-Type": "application/json"}
        if refused.retry_after is not None and refused.retry_after.isdigit():
            headers["Retry-After"] = refused.retry_after
        return web.Response(status=refused.status, body=body, headers=headers)

    async def stream(
        self, request: web.Request, exchange: Exchange, answered: Answered, call: Call
    ) -> web.StreamResponse:
        """Events as they come, with back-pressure; then the charge; then the end."""
        response = web.StreamResponse(
            headers={
                **_passed(answered, call.dialect),
                **exchange.taken.headers,
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache",
                "X-Accel-Buffering": "no",
                REQUEST_ID_HEADER: exchange.arrival.request_id,
                **call.dialect.answer_headers(exchange.arrival.request_id),
            }
        )
        reader = call.stream_reader(exchange.facts)
        try:
            await self._prepare(request, response, exchange)
            ending = await self._pass_events(response, exchange, answered, reader)
        except asyncio.CancelledError:
            # The relay is stopping and its deadline has passed.
            answered.answer.abort()
            self._finish(exchange, answered, reader, _failed(ErrorCode.SHUTTING_DOWN))
            raise
        except Exception:
            # A fault of ours in the middle of a stream: the client must see that it is not the end.
            _logger.exception("stream.failed", request_id=exchange.arrival.request_id)
            answered.answer.abort()
            ending = _failed(ErrorCode.INTERNAL)
        try:
            self._finish(exchange, answered, reader, ending)
        except Exception:
            # Not charged: the client must not take it for whole, nor find another answer inside.
            if request.transport is not None:
                request.transport.abort()
            raise
        await self._durable()
        await exchange.taken.wait_free()
        last = reader.ending()
        if ending.error_code is not None and not reader.has_error:
            told = answer_not_whole(ending.error_code)
            last = call.dialect.error_event(told, exchange.arrival.request_id)
        await self._write_end(response, exchange, last)
        return response

    # --- steps of a stream --------------------------------------------------------------------

    async def _prepare(
        self, request: web.Request, response: web.StreamResponse, exchange: Exchange
    ) -> None:
        try:
            await response.prepare(request)
        except ConnectionError:
            exchange.client_disconnected = True
        self._first_byte(exchange)

    async def _pass_events(
        self,
        response: web.StreamResponse,
        exchange: Exchange,
        answered: Answered,
        reader: StreamReader,
    ) -> Ending:
        answer = answered.answer
        chunk = answered.first
        draining: Draining | None = None
        try:
            while chunk:
                passed = reader.feed(chunk)
                if passed and not exchange.client_disconnected:
                    await self._write(response, exchange, passed)
                if exchange.client_disconnected:
                    draining = draining or Draining(answer, self._drain)
                    chunk = await draining.next_chunk(has_content=reader.content_bytes > 0)
                else:
                    chunk = await answer.next_chunk()
        except UpstreamFailure as failure:
            answer.abort()
            return _failed(failure.code)
        except AnswerMalformedError as malformed:
            answer.abort()
            return _failed(malformed.code)
        if reader.has_error:
            answer.release()
            return _failed(ErrorCode.UPSTREAM_SERVER_ERROR)
        if draining is None and not reader.is_whole:
            answer.abort()
            return _failed(ErrorCode.UPSTREAM_CUT)
        answer.release()
        return Ending(outcome=Outcome.SUCCEEDED, http_status=_OK)

    async def _write(self, response: web.StreamResponse, exchange: Exchange, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._client_idle_s):
                await response.write(data)
            exchange.response_bytes += len(data)
        except (ConnectionError, TimeoutError):
            exchange.client_disconnected = True

    async def _write_end(
        self, response: web.StreamResponse, exchange: Exchange, last: bytes
    ) -> None:
        if exchange.client_disconnected:
            response.force_close()
            return
        try:
            async with asyncio.timeout(self._client_idle_s):
                await response.write_eof(last)
        except (ConnectionError, TimeoutError):
            response.force_close()

    def _finish(
        self, exchange: Exchange, answered: Answered, reader: StreamReader, ending: Ending
    ) -> None:
        _took(exchange, answered)
        exchange.usage = reader.usage
        exchange.told_input = reader.told_input
        exchange.content_bytes = reader.content_bytes
        self._recorder.complete(exchange, ending)

    @staticmethod
    def _first_byte(exchange: Exchange) -> None:
        exchange.first_byte_at = datetime.now(UTC)
        exchange.first_byte_ms = exchange.arrival.elapsed_ms()


def _failed(code: ErrorCode) -> Ending:
    return Ending(outcome=Outcome.FAILED, http_status=_OK, error_code=code)


def _took(exchange: Exchange, answered: Answered) -> None:
    exchange.upstream_s += time.perf_counter() - answered.started


def _passed(answered: Answered, dialect: Dialect) -> dict[str, str]:
    headers = answered.answer.headers
    return {
        name: value
        for name in dialect.passed_headers
        if (value := headers.get(name)) is not None and value.isprintable()
    }

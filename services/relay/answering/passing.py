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

from services.relay.answering.attempts import Answered, Refused
from services.relay.answering.draining import DrainLimits
from services.relay.answering.following import Following
from services.relay.dialects.dialect import AnswerMalformedError, Call, Dialect, StreamReader
from services.relay.errors import RelayError, answer_not_whole
from services.relay.exchange import ANSWERED, Ending, Exchange, broken_off
from services.relay.limits.taken import UNLIMITED
from services.relay.recording.recorder import Recorder
from services.relay.upstreams.upstream import UpstreamFailure
from shared.events.requests import ErrorCode, Outcome
from shared.http.connection import SERVER
from shared.http.gone_body import GONE
from shared.http.plain_answer import PlainAnswer
from shared.http.raw_body import StreamBody, begin_body

REQUEST_ID_HEADER: Final = "x-request-id"
_JSON: Final = ("Content-Type", "application/json")
LIMIT_HEADERS: Final = web.RequestKey("limit_headers", Mapping[str, str])
"""What its limits tell; on every answer of a request that has any."""


class Passing:
    """Passes answers on for one relay."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        durable: Callable[[], Awaitable[None]] | None,
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
        except BaseException:
            answer.abort()  # its connection must not wait for a reader that is gone
            raise
        answer.release()
        _took(exchange, answered)
        exchange.usage = facts.usage
        exchange.content_bytes = facts.content_bytes
        exchange.response_bytes = len(body)
        self._first_byte(exchange)
        self._recorder.complete(
            exchange, broken_off(ErrorCode.UPSTREAM_SERVER_ERROR) if facts.has_error else ANSWERED
        )
        if self._durable is not None:
            await self._durable()
        return PlainAnswer(200, body, _headers(exchange, call, _passed(answered, call.dialect)))

    def refused(self, exchange: Exchange, refused: Refused, call: Call) -> PlainAnswer:
        """The upstream's own error, with its status, in the dialect."""
        ending = Ending(outcome=Outcome.FAILED, http_status=refused.status, error_code=refused.code)
        body = refused.body
        if not call.dialect.is_error(body):
            error = RelayError(refused.code, refused.status, "The provider refused the request.")
            body = call.dialect.error_body(error, exchange.arrival.request_id)
        exchange.response_bytes = len(body)
        self._recorder.complete(exchange, ending)
        told: list[tuple[str, str]] = []
        if refused.retry_after is not None and refused.retry_after.isdigit():
            told.append(("Retry-After", refused.retry_after))
        return PlainAnswer(refused.status, body, _headers(exchange, call, told))

    async def stream(
        self, request: web.BaseRequest, exchange: Exchange, answered: Answered, call: Call
    ) -> web.StreamResponse:
        """Events as they come, with back-pressure; then the charge; then the end."""
        request_id, answer = exchange.arrival.request_id, answered.answer
        response = web.StreamResponse(
            headers={
                **dict(_passed(answered, call.dialect)),
                "Server": SERVER,
                **exchange.taken.headers,
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache",
                "X-Accel-Buffering": "no",
                REQUEST_ID_HEADER: request_id,
                **call.dialect.answer_headers(request_id),
            }
        )
        reader = call.stream_reader(exchange.facts)
        body: StreamBody = GONE
        try:
            body = await self._begin(request, response, exchange)
            following = Following(
                exchange,
                answer,
                reader,
                body,
                client_idle_s=self._client_idle_s,
                drain=self._drain,
            )
            following.received(answered.first)
            if not following.over.done():
                answer.pass_to(following)
            try:
                ending = await following.over
            except asyncio.CancelledError:
                # The relay is stopping and its deadline has passed.
                following.stop()
                raise
        except asyncio.CancelledError:
            answer.abort()
            self._finish(exchange, answered, reader, broken_off(ErrorCode.SHUTTING_DOWN))
            raise
        except Exception:
            answer.abort()
            body.abort()
            raise
        try:
            self._finish(exchange, answered, reader, ending)
            if self._durable is not None:
                await self._durable()
            if exchange.taken is not UNLIMITED:
                await exchange.taken.wait_free()
        except Exception:
            # The client must not take it for whole, nor find another answer inside.
            body.abort()
            raise
        if exchange.client_disconnected:
            body.abort()
            return response
        last = reader.ending()
        if ending.error_code is not None and not reader.has_error:
            told = answer_not_whole(ending.error_code)
            last = call.dialect.error_event(told, request_id)
        await body.end(last, self._client_idle_s)
        return response

    # --- steps of a stream --------------------------------------------------------------------

    async def _begin(
        self, request: web.BaseRequest, response: web.StreamResponse, exchange: Exchange
    ) -> StreamBody:
        body: StreamBody = GONE
        try:
            body = await begin_body(request, response)
        except ConnectionError:
            exchange.client_disconnected = True
        self._first_byte(exchange)
        return body

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


def _took(exchange: Exchange, answered: Answered) -> None:
    exchange.upstream_s += time.perf_counter() - answered.started


def _passed(answered: Answered, dialect: Dialect) -> list[tuple[str, str]]:
    headers = answered.answer.headers
    return [
        (name, value)
        for name in dialect.passed_headers
        if (value := headers.get(name)) is not None and value.isprintable()
    ]


def _headers(
    exchange: Exchange, call: Call, passed: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Of a plain answer: one header of a name, and ours go before the upstream's."""
    request_id, taken = exchange.arrival.request_id, exchange.taken
    headers = [_JSON, (REQUEST_ID_HEADER, request_id), *passed]
    if taken is not UNLIMITED:
        headers += taken.headers.items()
    told = call.dialect.answer_headers(request_id)
    if told:
        headers += told.items()
    return headers

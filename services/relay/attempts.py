"""Trying channels until one answers: the next one on a failure that another could answer.

Never the same channel twice in one request, never more than `max_tries`, and never after a byte of
the answer has gone to the client: `Answered` is handed over with its first bytes still unsent.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.relay.books.routing import Channel, RoutingBook
from services.relay.dialects.dialect import Call
from services.relay.errors import RelayError
from services.relay.exchange import Exchange
from services.relay.metrics import RequestMetrics
from services.relay.routing import choose
from services.relay.upstream import Upstream, UpstreamAnswer, UpstreamCall, UpstreamFailure
from shared.events.requests import Attempt, ErrorCode
from shared.events.text import fit_text

OK: Final = 200
_FIRST_ERROR: Final = 400
_FIRST_SERVER_ERROR: Final = 500
_TOO_MANY: Final = 429
# The channel's own credential or credit, not the client's: another channel can answer.
_CHANNEL_REFUSED: Final = frozenset({401, 402})
_MAX_ERROR_BYTES: Final = 64 * 1024
_EVENT_STREAM: Final = "text/event-stream"


class Answered(NamedTuple):
    """An upstream's answer with status 200. For a stream, `first` has its first bytes."""

    answer: UpstreamAnswer
    is_stream: bool
    first: bytes
    started: float
    """`time.perf_counter()` when the attempt began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An upstream's own error, to be passed on with its status."""

    status: int
    body: bytes
    retry_after: str | None
    code: ErrorCode


class Attempts:
    """Tries channels for one relay."""

    def __init__(
        self,
        *,
        upstream: Upstream,
        routing: RoutingBook,
        max_tries: int,
        first_byte_s: float,
        metrics: RequestMetrics,
    ) -> None:
        self._upstream = upstream
        self._routing = routing
        self._max_tries = max_tries
        self._first_byte_s = first_byte_s
        self._metrics = metrics
        self._random: Callable[[], float] = random.random

    async def answer(self, exchange: Exchange, call: Call, body: bytes) -> Answered | Refused:
        """The first answer worth passing on. Raises RelayError where there is none."""
        tried: set[int] = set()
        last: tuple[Refused, Channel] | None = None
        last_code = ErrorCode.NO_CHANNEL
        while len(tried) < self._max_tries:
            channel = self._next(exchange, call, tried)
            if channel is None:
                break
            tried.add(channel.channel_id)
            result = await self._try(exchange, channel, call, body)
            if isinstance(result, Answered):
                return result
            if isinstance(result, Refused):
                last, last_code = (result, channel), result.code
                if not _another_may_answer(result):
                    break
            else:
                last, last_code = None, result
        if last is not None and last[0].status not in _CHANNEL_REFUSED:
            refused, exchange.channel = last
            return refused
        raise _no_answer(last_code)

    def _next(self, exchange: Exchange, call: Call, tried: set[int]) -> Channel | None:
        """A channel not tried yet, of the first group that has one left."""
        for group in exchange.group_ratios:
            tiers = self._routing.tiers(exchange.facts.model, group, call.dialect.name)
            channel = choose(tiers, tried=tried, random=self._random)
            if channel is not None:
                exchange.use_group(group)
                return channel
        return None

    async def _try(
        self, exchange: Exchange, channel: Channel, call: Call, body: bytes
    ) -> Answered | Refused | ErrorCode:
        started = time.perf_counter()
        offset_ms = exchange.arrival.elapsed_ms()
        model = channel.upstream_model(exchange.facts.model)
        facts = exchange.facts
        sent = UpstreamCall(
            url=channel.base_url + call.upstream_path,
            headers=(call.dialect.authorization(channel.secret), *exchange.forwarded),
            body=call.upstream_body(body, facts, model=model),
            traceparent=exchange.arrival.trace.header(),
            accept=_EVENT_STREAM if facts.is_stream else "application/json",
        )
        result: Answered | Refused | ErrorCode
        status: int | None = None
        answer: UpstreamAnswer | None = None
        try:
            answer = await self._upstream.send(sent)
            status = answer.status
            result = await self._read_head(answer, facts.is_stream, started)
        except asyncio.CancelledError:
            if answer is not None:
                answer.abort()
            raise
        except UpstreamFailure as failure:
            if answer is not None:
                answer.abort()
            result = failure.code
        code = _code_of(result)
        exchange.attempts.append(
            Attempt(
                channel_id=channel.channel_id,
                channel_name=channel.name,
                provider=channel.provider,
                upstream_model=fit_text(model, 128),
                offset_ms=offset_ms,
                latency_ms=int((time.perf_counter() - started) * 1000),
                http_status=status,
                error_code=code,
            )
        )
        label = self._routing.label(channel.channel_id)
        self._metrics.attempts.labels(label, "answered" if code is None else code.value).inc()
        if isinstance(result, Answered):
            exchange.channel = channel
            upstream_id = result.answer.headers.get(call.dialect.upstream_id_header)
            exchange.upstream_request_id = fit_text(upstream_id, 128) if upstream_id else None
        else:
            exchange.upstream_s += time.perf_counter() - started
        return result

    async def _first_chunk(self, answer: UpstreamAnswer, started: float) -> bytes:
        left_s = self._first_byte_s - (time.perf_counter() - started)
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                first = await answer.next_chunk()
        except TimeoutError:
            raise UpstreamFailure(ErrorCode.UPSTREAM_TIMEOUT) from None
        if not first:
            raise UpstreamFailure(ErrorCode.UPSTREAM_CUT)
        return first

    async def _read_head(
        self, answer: UpstreamAnswer, wants_stream: bool, started: float
    ) -> Answered | Refused:
        content_type = answer.headers.get("Content-Type", "")
        if answer.status == OK:
            is_stream = wants_stream and content_type.startswith(_EVENT_STREAM)
            # A channel that fails before its first byte can still be replaced by another.
            first = await self._first_chunk(answer, started) if is_stream else b""
            return Answered(answer=answer, is_stream=is_stream, first=first, started=started)
        if answer.status < _FIRST_ERROR:
            raise UpstreamFailure(ErrorCode.UPSTREAM_MALFORMED)
        return Refused(
            status=answer.status,
            body=await _error_body(answer),
            retry_after=answer.headers.get("Retry-After"),
            code=_code_of_status(answer.status),
        )


async def _error_body(answer: UpstreamAnswer) -> bytes:
    """What the upstream says of its error; empty where that is cut, or too long to pass on."""
    try:
        body = await answer.read(_MAX_ERROR_BYTES)
    except UpstreamFailure:
        answer.abort()
        return b""
    answer.release()
    return body


def _another_may_answer(refused: Refused) -> bool:
    return (
        refused.status == _TOO_MANY
        or refused.status >= _FIRST_SERVER_ERROR
        or refused.status in _CHANNEL_REFUSED
    )


def _code_of(result: Answered | Refused | ErrorCode) -> ErrorCode | None:
    if isinstance(result, Answered):
        return None
    return result.code if isinstance(result, Refused) else result


def _code_of_status(status: int) -> ErrorCode:
    if status == _TOO_MANY:
        return ErrorCode.UPSTREAM_RATE_LIMITED
    if status in _CHANNEL_REFUSED:
        return ErrorCode.UPSTREAM_AUTHENTICATION
    if status >= _FIRST_SERVER_ERROR:
        return ErrorCode.UPSTREAM_SERVER_ERROR
    return ErrorCode.UPSTREAM_CLIENT_ERROR


def _no_answer(code: ErrorCode) -> RelayError:
    if code is ErrorCode.NO_CHANNEL:
        return RelayError(code, 503, "No channel serves this model right now.", retry_after_s=5)
    if code is ErrorCode.UPSTREAM_TIMEOUT:
        return RelayError(code, 504, "The provider did not answer in time.")
    return RelayError(code, 502, "The provider could not be reached or refused the gateway.")

"""Trying channels until one answers: the next one on a failure that another could answer.

Never a channel again that failed, never more than `max_tries`, and never after a byte of the answer
has gone to the client: `Answered` is handed over with its first bytes still unsent. A channel whose
credential was refused may be tried again with its next one.

Every try is told to the channel's health: a failed one at once, an answer when it has ended.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final, NamedTuple

from services.relay.books.routing import Channel, RoutingBook
from services.relay.dialects.dialect import Call
from services.relay.errors import RelayError
from services.relay.exchange import AttemptMade, Exchange
from services.relay.health.choosing import Choice, Choosing
from services.relay.health.keeper import ChannelHealth
from services.relay.health.rules import retry_after_s
from services.relay.leases.payers import providers_closed
from services.relay.metrics import RequestMetrics
from services.relay.upstreams.upstream import (
    Upstream,
    UpstreamAnswer,
    UpstreamCall,
    UpstreamFailure,
)
from shared.events.requests import ErrorCode
from shared.events.text import fit_text
from shared.health.refusals import ANSWERED_BY_ANOTHER_CREDENTIAL, code_of

OK: Final = 200
_FIRST_ERROR: Final = 400
_FIRST_STATUS: Final = 100
_LAST_STATUS: Final = 999
_REMEMBERED: Final = 4096
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
        health: ChannelHealth,
    ) -> None:
        self._upstream = upstream
        self._routing = routing
        self._max_tries = max_tries
        self._first_byte_s = first_byte_s
        self._tally = lru_cache(_REMEMBERED)(
            lambda label, code: metrics.attempts.of(label, code.value if code else "answered")
        )
        self._health = health
        self._choosing = Choosing(routing=routing, health=health, random=random.random)

    async def answer(self, exchange: Exchange, call: Call, body: bytes) -> Answered | Refused:
        """The first answer worth passing on. Raises RelayError where there is none."""
        tried: set[int] = set()
        refused: set[tuple[int, int]] = set()
        last: tuple[Refused, Channel] | None = None
        last_code = ErrorCode.NO_CHANNEL
        for _ in range(self._max_tries):
            choice = self._choosing.next(exchange, call, tried=tried, refused=refused)
            if choice is None:
                break
            result = await self._try(exchange, choice, call, body)
            if isinstance(result, Answered):
                return result
            code = _code_of(result)
            if code in ANSWERED_BY_ANOTHER_CREDENTIAL:
                refused.add((choice.channel.channel_id, choice.credential.credential_id))
            else:
                tried.add(choice.channel.channel_id)
            if isinstance(result, Refused):
                last, last_code = (result, choice.channel), result.code
                if result.code is ErrorCode.UPSTREAM_CLIENT_ERROR:
                    break
            else:
                last, last_code = None, result
        if last is not None and last[0].code not in ANSWERED_BY_ANOTHER_CREDENTIAL:
            passed_on, exchange.channel = last
            return passed_on
        if last_code is ErrorCode.NO_CHANNEL and exchange.closed_providers():
            raise providers_closed()
        raise _no_answer(last_code)

    async def _try(
        self, exchange: Exchange, choice: Choice, call: Call, body: bytes
    ) -> Answered | Refused | ErrorCode:
        channel = choice.channel
        started = time.perf_counter()
        offset_ms = exchange.arrival.elapsed_ms()
        model = channel.upstream_model(exchange.facts.model)
        facts = exchange.facts
        sent = UpstreamCall(
            channel.base_url + call.upstream_path,
            (call.dialect.authorization(choice.credential.secret), *exchange.forwarded),
            call.upstream_body(body, facts, model=model),
            exchange.arrival.traceparent,
            _EVENT_STREAM if facts.is_stream else "application/json",
            channel.channel_id,
            channel.proxy_url,
            channel.http2,
        )
        result: Answered | Refused | ErrorCode
        status: int | None = None
        answer: UpstreamAnswer | None = None
        try:
            answer = await self._upstream.send(sent)
            status = _sound(answer.status)
            if status == OK and not facts.is_stream:
                result = Answered(answer, is_stream=False, first=b"", started=started)
            else:
                result = await self._read_head(answer, facts.is_stream, started)
        except asyncio.CancelledError:
            if answer is not None:
                answer.abort()
            self._health.end(choice.trial, ErrorCode.SHUTTING_DOWN)
            raise
        except UpstreamFailure as failure:
            if answer is not None:
                answer.abort()
            result = failure.code
        code = _code_of(result)
        exchange.attempts.append(
            AttemptMade(
                channel,
                choice.credential.credential_id,
                model,
                offset_ms,
                int((time.perf_counter() - started) * 1000),
                status,
                code,
            )
        )
        self._tally(self._routing.label(channel.channel_id), code).total += 1
        if isinstance(result, Answered):
            exchange.channel = channel
            exchange.ended = partial(self._health.end, choice.trial)
            upstream_id = result.answer.headers.get(call.dialect.upstream_id_header)
            exchange.upstream_request_id = fit_text(upstream_id, 128) if upstream_id else None
        else:
            exchange.upstream_s += time.perf_counter() - started
            asked = result.retry_after if isinstance(result, Refused) else None
            self._health.end(choice.trial, code, retry_after_s=retry_after_s(asked))
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
        body = await _error_body(answer)
        return Refused(
            status=answer.status,
            body=body,
            retry_after=answer.headers.get("Retry-After"),
            code=code_of(answer.status, body),
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


def _sound(status: int) -> int:
    """A status that HTTP has. Raises UpstreamFailure: what an event cannot say nobody passes on."""
    if not _FIRST_STATUS <= status <= _LAST_STATUS:
        raise UpstreamFailure(ErrorCode.UPSTREAM_MALFORMED)
    return status


def _code_of(result: Answered | Refused | ErrorCode) -> ErrorCode | None:
    if isinstance(result, Answered):
        return None
    return result.code if isinstance(result, Refused) else result


def _no_answer(code: ErrorCode) -> RelayError:
    if code is ErrorCode.NO_CHANNEL:
        return RelayError(code, 503, "No channel serves this model right now.", retry_after_s=5)
    if code is ErrorCode.UPSTREAM_TIMEOUT:
        return RelayError(code, 504, "The provider did not answer in time.")
    return RelayError(code, 502, "The provider could not be reached or refused the gateway.")

"""One request, in the order that its promises need.

1. authenticate        2. read what decides     3. terms: may it, and what can it cost
4. limit, then hold    5. journal: admitted     6. route, try channels
7. pass on             8. complete: rate, journal the event, settle; then the last bytes
Publishing, charging and logging follow from the journal, off the request's way.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from services.relay.admission import terms_of
from services.relay.arrivals import Arrivals
from services.relay.attempts import Answered, Attempts
from services.relay.authentication import ApiCaller, Authenticator, refusal
from services.relay.books.prices import PriceBook
from services.relay.books.routing import RoutingBook
from services.relay.completion import base_fields, hold_fields, skeleton_of
from services.relay.dialects.dialect import Call, Dialect, RequestFacts
from services.relay.errors import RelayError, gateway_full
from services.relay.exchange import Arrival, Ending, Exchange
from services.relay.holding import Holding
from services.relay.holds import Hold
from services.relay.journal.journal import Journal, JournalFullError
from services.relay.limits.limiter import Limiter, RateLimitedError
from services.relay.limits.taken import UNLIMITED
from services.relay.metrics import RequestMetrics
from services.relay.open_requests import OpenRequests
from services.relay.passing import LIMIT_HEADERS, Passing
from services.relay.recorder import Recorder
from services.relay.rejections import Rejections
from services.relay.request_body import read_body
from services.relay.tags import read_tags
from shared.events.requests import ErrorCode, Outcome


class Relaying:
    """The relay's use case. Everything that it needs is built in `app.py`."""

    def __init__(
        self,
        *,
        arrivals: Arrivals,
        authenticator: Authenticator,
        routing: RoutingBook,
        prices: PriceBook,
        limiter: Limiter,
        holding: Holding,
        journal: Journal,
        attempts: Attempts,
        passing: Passing,
        recorder: Recorder,
        rejections: Rejections,
        metrics: RequestMetrics,
        open_requests: OpenRequests,
        body_timeout_s: float,
    ) -> None:
        self._arrivals = arrivals
        self._authenticator = authenticator
        self._routing = routing
        self._prices = prices
        self._limiter = limiter
        self._holding = holding
        self._journal = journal
        self._attempts = attempts
        self._passing = passing
        self._recorder = recorder
        self._rejections = rejections
        self._metrics = metrics
        self._open_requests = open_requests
        self._body_timeout_s = body_timeout_s

    def arrive(self, request: web.Request, *, path: str) -> Arrival:
        """Take note of a request that came in."""
        return self._arrivals.take(request, path=path)

    async def identify(self, request: web.Request, arrival: Arrival, dialect: Dialect) -> ApiCaller:
        """Whose key it is, and that it may be used. Raises RelayError 401, 403 or 503."""
        shown = dialect.shown_key(request.headers)
        try:
            caller = await self._authenticator.identify(shown, hint=dialect.key_hint)
        except RelayError as error:
            if error.code is ErrorCode.INVALID_API_KEY:
                self._metrics.unknown_keys.inc()
            raise
        refused = refusal(caller, now=arrival.started_at, client_address=arrival.client_address)
        if refused is not None:
            self._reject(arrival, caller, refused, dialect)
            raise refused
        return caller

    async def relay(self, request: web.Request, arrival: Arrival, call: Call) -> web.StreamResponse:
        """Serve one request. Raises RelayError where nothing was sent to the client yet."""
        dialect = call.dialect
        caller = await self.identify(request, arrival, dialect)
        body, facts, taken = b"", None, UNLIMITED
        try:
            body = await read_body(request, timeout_s=self._body_timeout_s)
            facts = call.read_request(body)
            terms = terms_of(
                facts, caller, routing=self._routing, prices=self._prices, at=arrival.started_at
            )
            forwarded = dialect.forwarded(request.headers)
            base = _base(
                arrival, caller, facts, dialect=dialect, size=len(body), routing=self._routing
            )
            base["tags"] = read_tags(request.headers)
            taken = await self._limiter.take(caller, arrival, facts, terms, dialect=dialect.name)
            request[LIMIT_HEADERS] = taken.headers
            base |= taken.fields
            holds = await self._holding.take(caller, facts, terms)
            base |= hold_fields(holds)
            self._admit(arrival, base, holds)
        except RelayError as error:
            taken.settle(0)
            told = error.fields if isinstance(error, RateLimitedError) else taken.fields
            self._reject(arrival, caller, error, dialect, facts=facts, size=len(body), limits=told)
            raise
        except BaseException:
            taken.settle(0)
            raise
        exchange = Exchange(
            arrival=arrival,
            caller=caller,
            facts=facts,
            price=terms.price,
            group_ratios=terms.group_ratios,
            group_ratio=terms.group_ratios[caller.group],
            holds=holds,
            taken=taken,
            base=base,
            forwarded=forwarded,
            likely_media_tokens=facts.likely_media_count * terms.model.max_media_tokens,
        )
        with self._metrics.in_flight.track_inprogress(), self._open_requests.served():
            try:
                response = await self._answer(request, exchange, call, body)
            finally:
                taken.settle(0)  # where it could not even be completed; else it was settled before
            await taken.wait_free()
            return response

    async def _answer(
        self, request: web.Request, exchange: Exchange, call: Call, body: bytes
    ) -> web.StreamResponse:
        """From here on the request is admitted: whatever happens, it is completed once."""
        try:
            answered = await self._attempts.answer(exchange, call, body)
            if not isinstance(answered, Answered):
                return self._passing.refused(exchange, answered, call)
            if answered.is_stream:
                return await self._passing.stream(request, exchange, answered, call)
            return await self._passing.plain(exchange, answered, call)
        except RelayError as error:
            self._fail(exchange, error.code, error.http_status)
            raise
        except asyncio.CancelledError:
            self._fail(exchange, ErrorCode.SHUTTING_DOWN, 503)
            raise
        except Exception:
            self._fail(exchange, ErrorCode.INTERNAL, 500)
            raise

    def _admit(self, arrival: Arrival, base: dict[str, Any], holds: tuple[Hold, ...]) -> None:
        try:
            self._journal.admit(arrival.id_bytes, skeleton_of(base, arrival.trace.header()))
        except BaseException as error:
            self._holding.give_back(holds)
            if isinstance(error, (JournalFullError, OSError)):
                raise gateway_full() from None
            raise

    def _fail(self, exchange: Exchange, code: ErrorCode, http_status: int) -> None:
        ending = Ending(outcome=Outcome.FAILED, http_status=http_status, error_code=code)
        self._recorder.complete(exchange, ending)

    def _reject(
        self,
        arrival: Arrival,
        caller: ApiCaller,
        error: RelayError,
        dialect: Dialect,
        *,
        facts: RequestFacts | None = None,
        size: int = 0,
        limits: Mapping[str, Any] = UNLIMITED.fields,
    ) -> None:
        base = _base(arrival, caller, facts, dialect=dialect, size=size, routing=self._routing)
        self._rejections.reject(arrival, {**base, **limits}, error)


def _base(
    arrival: Arrival,
    caller: ApiCaller,
    facts: RequestFacts | None,
    *,
    dialect: Dialect,
    size: int,
    routing: RoutingBook,
) -> dict[str, Any]:
    key = caller.key
    # What a client made up as a model's name is not kept: it could say anything.
    is_known = facts is not None and facts.model in routing.models
    return base_fields(
        arrival,
        {
            "workspace_id": key.workspace_id,
            "workspace_name": caller.workspace.name,
            "project_id": key.project_id,
            "project_name": caller.project_name,
            "key_id": key.key_id,
            "key_name": key.name,
            "user_id": key.user_id,
            "username": caller.user.username,
            "group": caller.group,
            "user_group": caller.user.group,
        },
        dialect=dialect.name,
        model=facts.model if facts is not None and is_known else None,
        is_stream=facts.is_stream if facts else False,
        request_bytes=size,
    )

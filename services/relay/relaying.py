"""One request, in the order that its promises need.

1. authenticate        2. read what decides     3. terms: may it, and what can it cost
4. limit, then hold    5. journal: admitted     6. route, try channels
7. pass on             8. complete: rate, journal the event, settle; then the last bytes
Publishing, charging and logging follow from the journal, off the request's way.
"""

import asyncio

from aiohttp import web

from services.relay.admission import Admission, terms_of
from services.relay.answering.attempts import Answered, Attempts
from services.relay.answering.passing import LIMIT_HEADERS, Passing
from services.relay.arrivals import Arrivals
from services.relay.books.routing import RoutingBook
from services.relay.callers.authentication import Authenticator, refusal
from services.relay.callers.caller import ApiCaller
from services.relay.dialects.dialect import Call, Dialect, RequestFacts
from services.relay.errors import RelayError, gateway_full
from services.relay.exchange import Arrival, Ending, Exchange
from services.relay.journal.journal import Journal, JournalFullError
from services.relay.leases.holding import Holding
from services.relay.limits.limiter import Limiter, RateLimitedError
from services.relay.limits.taken import UNLIMITED
from services.relay.metrics import RequestMetrics
from services.relay.open_requests import OpenRequests
from services.relay.recording.completion import opening_json, skeleton_of
from services.relay.recording.event_json import as_json
from services.relay.recording.recorder import Recorder
from services.relay.recording.rejections import Rejections
from services.relay.request_body import body_at_hand, read_body
from services.relay.tags import read_tags
from shared.events.requests import ErrorCode, Outcome


class Relaying:
    """The relay's use case. Everything that it needs is built in `app.py`."""

    def __init__(
        self,
        *,
        arrivals: Arrivals,
        authenticator: Authenticator,
        admission: Admission,
        routing: RoutingBook,
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
        self._admission = admission
        self._routing = routing
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
        metrics.in_flight.set_function(lambda: len(open_requests))

    def arrive(self, request: web.BaseRequest, *, path: str) -> Arrival:
        """Take note of a request that came in."""
        return self._arrivals.take(request, path=path)

    async def identify(
        self, request: web.BaseRequest, arrival: Arrival, dialect: Dialect
    ) -> ApiCaller:
        """Whose key it is, and that it may be used. Raises RelayError 401, 403 or 503."""
        shown = dialect.shown_key(request.headers)
        try:
            caller = self._authenticator.known(shown, hint=dialect.key_hint)
            if caller is None:
                caller = await self._authenticator.identify(shown, hint=dialect.key_hint)
        except RelayError as error:
            if error.code is ErrorCode.INVALID_API_KEY:
                self._metrics.unknown_keys.inc()
            raise
        refused = refusal(caller, now=arrival.started_at, client_address=arrival.client_address)
        if refused is not None:
            opening = opening_json(arrival, caller, dialect=dialect.name)
            self._rejections.reject(arrival, caller, opening, refused, model=None)
            raise refused
        return caller

    async def relay(
        self, request: web.BaseRequest, arrival: Arrival, call: Call
    ) -> web.StreamResponse:
        """Serve one request. Raises RelayError where nothing was sent to the client yet."""
        caller = await self.identify(request, arrival, call.dialect)
        admitting = _Admitting(arrival, caller, call.dialect)
        try:
            exchange, body = await self._admit(request, admitting, call)
        except RelayError as error:
            admitting.taken.settle(0)
            self._reject(admitting, error)
            raise
        except BaseException:
            admitting.taken.settle(0)
            raise
        taken = admitting.taken
        task = self._open_requests.enter()
        try:
            response = await self._answer(request, exchange, call, body)
        finally:
            self._open_requests.leave(task)
            taken.settle(0)  # where it could not even be completed; else it was settled before
        if taken is not UNLIMITED:
            await taken.wait_free()
        return response

    async def _admit(
        self, request: web.BaseRequest, admitting: "_Admitting", call: Call
    ) -> tuple[Exchange, bytes]:
        """Steps 2 to 5."""
        arrival, caller, dialect = admitting.arrival, admitting.caller, call.dialect
        body = body_at_hand(request)
        if body is None:
            body = await read_body(request, timeout_s=self._body_timeout_s)
        admitting.request_bytes = len(body)
        facts = admitting.facts = call.read_request(body)
        offer = self._admission.offer(facts.model, caller, at=arrival.started_at)
        terms = terms_of(facts, offer)
        forwarded = dialect.forwarded(request.headers)
        tags = read_tags(request.headers)
        taken = UNLIMITED
        if self._limiter.has_limits(caller, arrival):
            taken = admitting.taken = await self._limiter.take(
                caller, arrival, facts, terms, dialect=dialect.name
            )
            request[LIMIT_HEADERS] = taken.headers
        holds = self._holding.try_take(caller, terms)
        if holds is None:
            holds = await self._holding.take(caller, facts, terms)
        try:
            opening = opening_json(
                arrival,
                caller,
                dialect=dialect.name,
                model_json=offer.model_json,
                is_stream=facts.is_stream,
                request_bytes=len(body),
                holds=holds,
                limits=taken.fields,
                tags=tags,
            )
            group_terms = offer.groups[caller.group]
            skeleton = skeleton_of(opening, group_terms.group_json, arrival.traceparent)
            self._journal.admit(arrival.id_bytes, skeleton)
        except BaseException as error:
            self._holding.give_back(holds)
            if isinstance(error, (JournalFullError, OSError)):
                raise gateway_full() from None
            raise
        return Exchange(
            arrival, caller, facts, terms, holds, opening, group_terms, taken, forwarded
        ), body

    async def _answer(
        self, request: web.BaseRequest, exchange: Exchange, call: Call, body: bytes
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

    def _fail(self, exchange: Exchange, code: ErrorCode, http_status: int) -> None:
        self._recorder.complete(exchange, Ending(Outcome.FAILED, http_status, code))

    def _reject(self, admitting: "_Admitting", error: RelayError) -> None:
        facts = admitting.facts
        # What a client made up as a model's name is not kept: it could say anything.
        is_known = facts is not None and facts.model in self._routing.models
        model = facts.model if facts is not None and is_known else None
        opening = opening_json(
            admitting.arrival,
            admitting.caller,
            dialect=admitting.dialect.name,
            model_json=as_json(model),
            is_stream=facts is not None and facts.is_stream,
            request_bytes=admitting.request_bytes,
            limits=error.fields if isinstance(error, RateLimitedError) else admitting.taken.fields,
        )
        self._rejections.reject(admitting.arrival, admitting.caller, opening, error, model=model)


class _Admitting:
    """What is known of a request so far, should it be refused."""

    __slots__ = ("arrival", "caller", "dialect", "facts", "request_bytes", "taken")

    def __init__(self, arrival: Arrival, caller: ApiCaller, dialect: Dialect) -> None:
        self.arrival = arrival
        self.caller = caller
        self.dialect = dialect
        self.request_bytes = 0
        self.facts: RequestFacts | None = None
        self.taken = UNLIMITED

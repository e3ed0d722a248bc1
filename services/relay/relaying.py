"""One request, in the order that its promises need.

1. authenticate        2. read what decides     3. terms: may it, and what can it cost
4. hold                5. journal: admitted     6. route, try channels
7. pass on             8. complete: rate, journal the event, settle; then the last bytes
Publishing, charging and logging follow from the journal, off the request's way.
"""

import asyncio
from typing import Any

from aiohttp import web

from services.relay.admission import Terms, balance_short, terms_of
from services.relay.arrivals import Arrivals
from services.relay.attempts import Answered, Attempts
from services.relay.authentication import ApiCaller, Authenticator, refusal
from services.relay.books.prices import PriceBook
from services.relay.books.routing import RoutingBook
from services.relay.completion import base_fields, lease_fields, skeleton_of
from services.relay.dialects.dialect import Dialect, RequestFacts
from services.relay.errors import RelayError
from services.relay.exchange import Arrival, Ending, Exchange
from services.relay.holds import BalanceShortError, BillingUnreachableError, Hold, RoomHeldError
from services.relay.journal.journal import Journal, JournalFullError
from services.relay.lease_keeper import LeaseKeeper
from services.relay.metrics import RequestMetrics
from services.relay.passing import Passing
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
        leases: LeaseKeeper,
        journal: Journal,
        attempts: Attempts,
        passing: Passing,
        recorder: Recorder,
        rejections: Rejections,
        metrics: RequestMetrics,
        body_timeout_s: float,
    ) -> None:
        self._arrivals = arrivals
        self._authenticator = authenticator
        self._routing = routing
        self._prices = prices
        self._leases = leases
        self._journal = journal
        self._attempts = attempts
        self._passing = passing
        self._recorder = recorder
        self._rejections = rejections
        self._metrics = metrics
        self._body_timeout_s = body_timeout_s

    def arrive(self, request: web.Request, *, path: str) -> Arrival:
        """Take note of a request that came in."""
        return self._arrivals.take(request, path=path)

    async def identify(self, request: web.Request, arrival: Arrival) -> ApiCaller:
        """Whose key it is, and that it may be used. Raises RelayError 401, 403 or 503."""
        try:
            caller = await self._authenticator.identify(request.headers)
        except RelayError as error:
            if error.code is ErrorCode.INVALID_API_KEY:
                self._metrics.unknown_keys.inc()
            raise
        refused = refusal(caller, now=arrival.started_at, client_address=arrival.client_address)
        if refused is not None:
            self._reject(arrival, caller, refused)
            raise refused
        return caller

    async def relay(
        self, request: web.Request, arrival: Arrival, dialect: Dialect, upstream_path: str
    ) -> web.StreamResponse:
        """Serve one request. Raises RelayError where nothing was sent to the client yet."""
        caller = await self.identify(request, arrival)
        body, facts = b"", None
        try:
            body = await read_body(request, timeout_s=self._body_timeout_s)
            facts = dialect.read_request(body)
            terms = terms_of(
                facts, caller, routing=self._routing, prices=self._prices, at=arrival.started_at
            )
            base = _base(arrival, caller, facts, size=len(body), routing=self._routing)
            base |= {"dialect": dialect.name, "tags": read_tags(request.headers)}
            hold = await self._hold(caller, facts, terms)
            base |= lease_fields(hold.lease.lease_id, hold.lease.subject, hold.units)
            self._admit(arrival, base, hold)
        except RelayError as error:
            self._reject(arrival, caller, error, facts=facts, size=len(body))
            raise
        exchange = Exchange(
            arrival=arrival,
            caller=caller,
            facts=facts,
            price=terms.price,
            group_ratio=terms.group_ratio,
            hold=hold,
            base=base,
        )
        with self._metrics.in_flight.track_inprogress():
            return await self._answer(request, exchange, dialect, body, upstream_path)

    async def _answer(
        self,
        request: web.Request,
        exchange: Exchange,
        dialect: Dialect,
        body: bytes,
        upstream_path: str,
    ) -> web.StreamResponse:
        """From here on the request is admitted: whatever happens, it is completed once."""
        try:
            answered = await self._attempts.answer(exchange, dialect, body, upstream_path)
            if not isinstance(answered, Answered):
                return self._passing.refused(exchange, answered, dialect)
            if answered.is_stream:
                return await self._passing.stream(request, exchange, answered, dialect)
            return await self._passing.plain(exchange, answered, dialect)
        except RelayError as error:
            self._fail(exchange, error.code, error.http_status)
            raise
        except asyncio.CancelledError:
            self._fail(exchange, ErrorCode.SHUTTING_DOWN, 503)
            raise
        except Exception:
            self._fail(exchange, ErrorCode.INTERNAL, 500)
            raise

    async def _hold(self, caller: ApiCaller, facts: RequestFacts, terms: Terms) -> Hold:
        subject = f"account:{caller.workspace.workspace_id}"
        hold = self._leases.try_hold(subject, terms.hold_units)
        if hold is not None:
            return hold
        try:
            return await self._leases.hold(subject, terms.hold_units)
        except BalanceShortError as short:
            raise balance_short(terms, facts, short.spendable_units) from None
        except RoomHeldError:
            raise RelayError(
                ErrorCode.QUOTA_HELD,
                429,
                "The balance is held by other requests of this account. Try again.",
                retry_after_s=1,
            ) from None
        except OSError:
            raise _full() from None  # the new lease could not be written down
        except BillingUnreachableError:
            raise RelayError(
                ErrorCode.LEASE_UNAVAILABLE,
                503,
                "The balance cannot be checked right now. Try again.",
                retry_after_s=2,
            ) from None

    def _admit(self, arrival: Arrival, base: dict[str, Any], hold: Hold) -> None:
        try:
            self._journal.admit(arrival.id_bytes, skeleton_of(base, arrival.trace.header()))
        except (JournalFullError, OSError):
            self._leases.settle(hold, 0)
            raise _full() from None

    def _fail(self, exchange: Exchange, code: ErrorCode, http_status: int) -> None:
        ending = Ending(outcome=Outcome.FAILED, http_status=http_status, error_code=code)
        self._recorder.complete(exchange, ending)

    def _reject(
        self,
        arrival: Arrival,
        caller: ApiCaller,
        error: RelayError,
        *,
        facts: RequestFacts | None = None,
        size: int = 0,
    ) -> None:
        base = _base(arrival, caller, facts, size=size, routing=self._routing)
        self._rejections.reject(arrival, base, error)


def _full() -> RelayError:
    return RelayError(
        ErrorCode.JOURNAL_FULL,
        503,
        "The gateway cannot take new requests right now. Try again.",
        retry_after_s=5,
    )


def _base(
    arrival: Arrival,
    caller: ApiCaller,
    facts: RequestFacts | None,
    *,
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
        model=facts.model if facts is not None and is_known else None,
        is_stream=facts.is_stream if facts else False,
        request_bytes=size,
    )

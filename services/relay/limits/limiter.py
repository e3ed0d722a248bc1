"""Taking a request's part of all its limits at once, and giving back what it did not use.

Several relays count in a shared store. Each also keeps what it took there in its own memory: so it
can renew what requests in flight hold, and, where the store is away and the setting says `open`, it
goes on with its own share of the last window instead of with an empty one.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from services.relay.admission import Terms
from services.relay.callers.caller import ApiCaller
from services.relay.dialects.dialect import RequestFacts
from services.relay.errors import RelayError
from services.relay.exchange import Arrival
from services.relay.limits.book import LimitBook
from services.relay.limits.headers import headers_of
from services.relay.limits.limit import Decided, Demand, Held, Kind, Limit, Stood
from services.relay.limits.memory_store import MemoryStore
from services.relay.limits.metrics import LimitMetrics
from services.relay.limits.reserving import fitting_output_tokens, tokens_to_hold
from services.relay.limits.shared_store import SharedStore
from services.relay.limits.store_link import StoreAwayError
from services.relay.limits.taken import UNLIMITED, Taken
from services.relay.limits.telling import event_fields, refusal
from shared.events.requests import ErrorCode

OnFailure = Literal["open", "closed"]


class RateLimitedError(RelayError):
    """429, with what the event and the answer's headers shall say of it."""

    def __init__(
        self, error: RelayError, headers: Mapping[str, str], fields: Mapping[str, Any]
    ) -> None:
        super().__init__(
            error.code,
            error.http_status,
            error.message,
            retry_after_s=error.retry_after_s,
            headers={**headers, **error.headers},
        )
        self.fields = fields


class Limiter:
    """Limits for one relay."""

    def __init__(
        self,
        *,
        book: LimitBook,
        local: MemoryStore,
        shared: SharedStore | None,
        on_failure: OnFailure,
        usual_output_tokens: int,
        metrics: LimitMetrics,
    ) -> None:
        self._book = book
        self._local = local
        self._shared = shared
        self._on_failure = on_failure
        self._usual_output_tokens = usual_output_tokens
        self._metrics = metrics
        metrics.in_flight.set_function(lambda: len(local.in_flight))

    def has_limits(self, caller: ApiCaller, arrival: Arrival) -> bool:
        """Whether anything limits this call; where nothing does, `take` need not be called."""
        return bool(self._book.limits(caller, method=arrival.method, path=arrival.path))

    async def take(
        self,
        caller: ApiCaller,
        arrival: Arrival,
        facts: RequestFacts,
        terms: Terms,
        *,
        dialect: str,
    ) -> Taken:
        """All of it or nothing.

        Raises RateLimitedError, or RelayError 503 where the limits cannot be looked at and the
        setting says that nothing may pass then.
        """
        limits = self._book.limits(caller, method=arrival.method, path=arrival.path)
        if not limits:
            return UNLIMITED
        tokens = tokens_to_hold(facts, terms, limits, usual_output_tokens=self._usual_output_tokens)
        demands = [_demand(limit, tokens) for limit in limits]
        decided = await self._decide(arrival.request_id, demands)
        stood = tuple(zip(limits, decided.decisions, strict=True))
        self._count(stood)
        headers = headers_of(stood, decided.now_ms, dialect=dialect)
        fields = event_fields(stood, is_refused=not decided.is_allowed)
        if not decided.is_allowed:
            fitting = _fitting(stood, facts, terms)
            error = refusal(stood, decided.now_ms, fitting_output_tokens=fitting)
            raise RateLimitedError(error, headers, fields)
        return self._taken(arrival.request_id, headers, fields)

    def renew(self) -> None:
        """Tell the store which requests go on, so that what they hold does not lapse there."""
        if self._shared is None:
            return
        with suppress(StoreAwayError):
            for request_id, holds in self._local.in_flight.items():
                self._shared.renew(request_id, holds)

    async def renew_every(self, interval_s: float) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            self.renew()

    def _taken(
        self, request_id: str, headers: Mapping[str, str], fields: Mapping[str, Any]
    ) -> Taken:
        futures: list[asyncio.Future[list[int]]] = []

        def settle(used_tokens: int) -> None:
            holds = self._local.settle(request_id, used_tokens)
            if holds and self._shared is not None:
                with suppress(StoreAwayError):
                    future = self._shared.settle(request_id, holds, used_tokens)
                    if any(limit.kind is Kind.CONCURRENT for limit, _ in holds):
                        futures.append(future)

        return Taken(headers, fields, settle, lambda: futures[0] if futures else None)

    async def _decide(self, request_id: str, demands: list[Demand]) -> Decided:
        if self._shared is None:
            return self._local.take(request_id, demands)
        started = time.perf_counter()
        try:
            decided = await self._shared.take(request_id, demands)
        except StoreAwayError:
            return self._alone(request_id, demands)
        except asyncio.CancelledError:
            holds = [Held(limit, hold) for limit, _, hold in demands if hold]
            with suppress(StoreAwayError):
                self._shared.settle(request_id, holds, 0)
            raise
        self._metrics.store_seconds.observe(time.perf_counter() - started)
        if decided.is_allowed:
            self._local.mirror(request_id, demands)
        return decided

    def _alone(self, request_id: str, demands: list[Demand]) -> Decided:
        self._metrics.unshared.labels(self._on_failure).inc()
        if self._on_failure == "open":
            return self._local.take(request_id, demands)
        raise RelayError(
            ErrorCode.LIMITER_UNAVAILABLE,
            503,
            "The limits of this API key cannot be checked right now. Try again.",
            retry_after_s=1,
        )

    def _count(self, all_stood: tuple[Stood, ...]) -> None:
        for limit, decision in all_stood:
            self._metrics.decided(limit.scope, limit.kind, decision.is_allowed).inc()


def _demand(limit: Limit, tokens: int) -> Demand:
    if limit.kind is Kind.REQUESTS:
        return Demand(limit, 1, 0)
    return Demand(limit, 0, tokens if limit.kind is Kind.TOKENS else 1)


def _fitting(all_stood: tuple[Stood, ...], facts: RequestFacts, terms: Terms) -> int:
    tokens = [limit.capacity for limit, _ in all_stood if limit.kind is Kind.TOKENS]
    return fitting_output_tokens(facts, terms, min(tokens)) if tokens else 0

"""Taking and giving back, and what becomes of it when the shared store is away."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from services.relay.errors import RelayError
from services.relay.limits.book import LimitBook
from services.relay.limits.limit import Decided, Demand, Held
from services.relay.limits.limiter import Limiter, OnFailure, RateLimitedError
from services.relay.limits.memory_store import MemoryStore
from services.relay.limits.metrics import LimitMetrics
from services.relay.limits.shared_store import SharedStore
from services.relay.limits.store_link import StoreAwayError
from services.relay.limits.taken import UNLIMITED, Taken
from shared.events.limits import RequestLimits
from shared.events.requests import ErrorCode
from tests.unit.relay.limits.made_limits import TERMS
from tests.unit.relay.made import arrival, caller, facts


class Shared:
    """A store for all relays that can be away, or never answer."""

    def __init__(self) -> None:
        self.is_away = False
        self.hangs = False
        self.memory = MemoryStore()
        self.renewed: list[str] = []

    async def take(self, request_id: str, demands: Sequence[Demand]) -> Decided:
        if self.hangs:
            self.memory.take(request_id, demands)
            await asyncio.Event().wait()
        if self.is_away:
            raise StoreAwayError
        return self.memory.take(request_id, demands)

    def settle(
        self, request_id: str, _holds: Iterable[Held], used_tokens: int
    ) -> "asyncio.Future[list[int]]":
        if self.is_away:
            raise StoreAwayError
        self.memory.settle(request_id, used_tokens)
        future: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        future.set_result([])
        return future

    def renew(self, request_id: str, _holds: Iterable[Held]) -> None:
        if self.is_away:
            raise StoreAwayError
        self.renewed.append(request_id)


class Relay:
    """One relay's limiter, and its requests of one key."""

    def __init__(
        self, limits: RequestLimits, shared: Shared | None = None, on_failure: OnFailure = "open"
    ) -> None:
        self.registry = CollectorRegistry()
        self.limiter = Limiter(
            book=LimitBook(),
            local=MemoryStore(),
            shared=cast("SharedStore | None", shared),
            on_failure=on_failure,
            usual_output_tokens=2048,
            metrics=LimitMetrics(self.registry),
        )
        self._limits = limits

    async def take(self, **asked: Any) -> Taken:
        who = caller(key={"limits": self._limits})
        return await self.limiter.take(who, arrival(), facts(**asked), TERMS, dialect="openai")

    async def refusal(self) -> RateLimitedError:
        with pytest.raises(RateLimitedError) as caught:
            await self.take()
        return caught.value

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"ledgerline_relay_limit_{name}", labels)


async def test_without_limits_nothing_is_asked_and_nothing_told() -> None:
    shared = Shared()
    shared.hangs = True
    taken = await Relay(RequestLimits(), shared, "closed").take()
    assert taken is UNLIMITED
    taken.settle(5)
    await taken.wait_free()
    assert not taken.headers
    assert not taken.fields


async def test_a_place_is_free_again_once_it_is_settled_however_often() -> None:
    relay = Relay(RequestLimits(concurrent_requests=2))
    first, _second = await relay.take(), await relay.take()
    await relay.refusal()
    first.settle(3)
    first.settle(0)
    await relay.take()
    refused = await relay.refusal()
    assert (refused.code, refused.retry_after_s) == (ErrorCode.RATE_LIMITED, 1)
    assert relay.metric("requests_in_flight") == 2
    labels = {"scope": "key", "kind": "concurrent"}
    assert relay.metric("decisions_total", **labels, result="refused") == 2
    assert relay.metric("decisions_total", **labels, result="allowed") == 3


async def test_tokens_are_corrected_to_what_was_used() -> None:
    relay = Relay(RequestLimits(tokens_per_minute=1000))
    taken = await relay.take(text_bytes=400, max_output_tokens=800)
    assert taken.headers["x-ratelimit-remaining-tokens"] == "100"
    taken.settle(130)
    after = await relay.take(text_bytes=400, max_output_tokens=100)
    assert after.headers["x-ratelimit-remaining-tokens"] == "670"
    assert after.fields["limits"][0]["remaining"] == 670


async def test_what_is_too_large_is_told_what_would_fit() -> None:
    relay = Relay(RequestLimits(tokens_per_minute=1000, requests_per_minute=1))
    with pytest.raises(RateLimitedError) as caught:
        await relay.take(text_bytes=400, max_output_tokens=901)
    assert "`max_tokens` up to 900" in caught.value.message
    assert caught.value.headers["x-should-retry"] == "false"
    assert caught.value.fields["rate_limited"] is True
    await relay.take(text_bytes=400, max_output_tokens=900)


async def test_relays_share_what_the_store_counts() -> None:
    shared = Shared()
    limits = RequestLimits(requests_per_minute=3, concurrent_requests=9)
    relays = [Relay(limits, shared) for _ in range(3)]
    for relay in relays:
        (await relay.take()).settle(0)
    for relay in relays:
        await relay.refusal()


async def test_open_a_relay_goes_on_with_its_own_share_of_the_window() -> None:
    shared = Shared()
    relay = Relay(RequestLimits(requests_per_minute=3, concurrent_requests=9), shared)
    await relay.take()
    shared.is_away = True
    await relay.take()
    await relay.take()
    await relay.refusal()
    assert relay.metric("unshared_total", setting="open") == 3


async def test_open_what_was_taken_before_is_given_back_meanwhile() -> None:
    shared = Shared()
    relay = Relay(RequestLimits(concurrent_requests=1), shared)
    taken = await relay.take()
    shared.is_away = True
    await relay.refusal()
    taken.settle(0)
    await taken.wait_free()
    await relay.take()


async def test_closed_a_request_with_limits_is_refused_as_not_to_be_checked() -> None:
    shared = Shared()
    shared.is_away = True
    relay = Relay(RequestLimits(requests_per_minute=3), shared, "closed")
    with pytest.raises(RelayError) as caught:
        await relay.take()
    error = caught.value
    assert (error.code, error.http_status) == (ErrorCode.LIMITER_UNAVAILABLE, 503)
    assert error.retry_after_s == 1
    assert relay.metric("unshared_total", setting="closed") == 1


async def test_who_goes_while_the_store_decides_takes_nothing() -> None:
    shared = Shared()
    relay = Relay(RequestLimits(concurrent_requests=1), shared)
    shared.hangs = True
    going = asyncio.create_task(relay.take())
    await asyncio.wait({going}, timeout=0.01)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    shared.hangs = False
    await relay.take()


async def test_the_store_is_told_of_all_that_go_on_and_of_nothing_else() -> None:
    shared = Shared()
    relay = Relay(RequestLimits(concurrent_requests=9, requests_per_minute=9), shared)
    ended, _going = await relay.take(), await relay.take()
    ended.settle(0)
    relay.limiter.renew()
    assert len(shared.renewed) == 1
    shared.is_away = True
    relay.limiter.renew()

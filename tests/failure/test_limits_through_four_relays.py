"""More requests at once than a limit lets through, spread over four relays: never one too many."""

import asyncio
import json
import time

import aiohttp
import pytest

from deploy.local.stack import Stack
from shared.events.limits import RateLimitStrategy, RequestLimits
from tests.failure.wholeness import make_whole
from tests.gateway.counting import events_of
from tests.gateway.limits import limit_key
from tests.gateway.load import Clients
from tests.gateway.operator import Customer, Operator
from tests.gateway.served import forget_served, served
from tests.gateway.storm import Stormed, body, storm, warm

_LIMIT = 100
_REQUESTS = 400
_BURST_S = 50
# Within the minute that a burst may take nothing of it comes back, but one of the buckets' at most.
_TRIES = 3
_STRATEGIES = {
    RateLimitStrategy.SLIDING_WINDOW: RequestLimits(requests_per_minute=_LIMIT),
    RateLimitStrategy.FIXED_WINDOW: RequestLimits(
        requests_per_minute=_LIMIT, strategy=RateLimitStrategy.FIXED_WINDOW
    ),
    RateLimitStrategy.TOKEN_BUCKET: RequestLimits(
        requests_per_minute=1, bucket_size=_LIMIT, strategy=RateLimitStrategy.TOKEN_BUCKET
    ),
    RateLimitStrategy.LEAKY_BUCKET: RequestLimits(
        requests_per_minute=1, bucket_size=_LIMIT, strategy=RateLimitStrategy.LEAKY_BUCKET
    ),
}


@pytest.mark.parametrize("strategy", _STRATEGIES)
async def test_just_as_many_requests_pass_as_the_limit_has(
    drill_stack: Stack, operator: Operator, strategy: RateLimitStrategy
) -> None:
    customer, warmed, stormed = await _burst(drill_stack, operator, strategy)
    assert stormed.statuses == {200: _LIMIT, 429: _REQUESTS - _LIMIT}
    assert len(stormed.whole) == _LIMIT
    for headers in stormed.headers:
        assert 1 <= int(headers["retry-after"]) <= 62
        assert headers["x-ratelimit-limit-requests"] == str(_LIMIT)
        assert headers["x-ratelimit-remaining-requests"] == "0"
    whole = stormed.whole | warmed
    await _every_refusal_is_counted(drill_stack, customer, whole, _REQUESTS - _LIMIT)


async def _burst(
    stack: Stack, operator: Operator, strategy: RateLimitStrategy
) -> tuple[Customer, set[str], Stormed]:
    """A storm within a minute of the clock: the tick would give a fixed window's limit back.

    Answers who sent it, too, and the ids of what was answered before there was a limit.
    """
    for _ in range(_TRIES):
        customer = await operator.customer(quota_units=10**8)
        warmed = await warm(stack, customer)
        await limit_key(stack, customer, _STRATEGIES[strategy])
        began = time.time()
        stormed = await storm(stack, customer, body(max_tokens=16), count=_REQUESTS)
        ended = time.time()
        is_of_one_minute = began // 60 == ended // 60
        is_fixed = strategy is RateLimitStrategy.FIXED_WINDOW
        if ended - began < _BURST_S and (is_of_one_minute or not is_fixed):
            return customer, warmed, stormed
    pytest.fail("too slow to tell")


async def _every_refusal_is_counted(
    stack: Stack, customer: Customer, whole: set[str], refused: int
) -> None:
    """Ten events a second for a key and relay; each tells how many there were since the last."""
    asked, answered = refused, set(whole)
    async with asyncio.timeout(60):
        while True:
            # What was suppressed is told with the next refusal of another second.
            more = await storm(stack, customer, body(max_tokens=16), count=4)
            asked += more.statuses[429]
            answered |= more.whole  # a minute later, on a slow machine
            events = (await events_of(stack, workspace_id=customer.workspace_id)).values()
            rejected = [e for e in events if e["outcome"] == "rejected"]
            if sum(1 + e["suppressed_count"] for e in rejected) == asked:
                break
            await asyncio.sleep(0.2)
    assert {e["request_id"] for e in events if e["outcome"] == "succeeded"} == answered
    assert {e["error_code"] for e in rejected} == {"rate_limited"}
    assert all(e["rate_limited"] and e["limits"][-1]["remaining"] == 0 for e in rejected)
    assert all(e["limits"][-1]["limit"] == "key:requests" for e in rejected)


async def test_tokens_are_not_overrun_by_requests_that_come_at_once(
    drill_stack: Stack, operator: Operator
) -> None:
    """Each holds its input and its whole `max_tokens` until it has ended, and uses all of it."""
    limit, max_tokens = 10_000, 1_000
    data = body(simulate={"delay_ms": 500, "fill_max_tokens": True}, max_tokens=max_tokens)
    fit = limit // (-(-len(data) // 4) + max_tokens)
    customer = await operator.customer(quota_units=10**8)
    await warm(drill_stack, customer)
    await limit_key(drill_stack, customer, RequestLimits(tokens_per_minute=limit))
    stormed = await storm(drill_stack, customer, data, count=100)
    assert stormed.statuses == {200: fit, 429: 100 - fit}
    async with asyncio.timeout(30):
        while True:
            events = await events_of(drill_stack, workspace_id=customer.workspace_id)
            if stormed.whole <= events.keys():
                break
            await asyncio.sleep(0.1)
    used = sum(
        events[i]["usage"]["prompt_tokens"] + events[i]["usage"]["completion_tokens"]
        for i in stormed.whole
    )
    assert fit * max_tokens < used <= limit


async def test_no_more_requests_are_in_flight_than_the_limit_has_and_all_places_come_back(
    drill_stack: Stack, operator: Operator
) -> None:
    """Measured at the provider, under clients that take every place as soon as it is free."""
    places = 5
    customer = await operator.customer(quota_units=10**8)
    await warm(drill_stack, customer)
    await limit_key(drill_stack, customer, RequestLimits(concurrent_requests=places))
    urls = [drill_stack.relay_url(relay) for relay in range(4)]
    simulate = {"delay_ms": 40}
    await forget_served(drill_stack)
    clients = Clients(
        urls,
        [customer.api_key],
        count=40,
        body={"messages": [{"role": "user", "content": f"[[simulate {json.dumps(simulate)}]]"}]},
    )
    async with clients.running() as got:
        await clients.at_least(150)
    assert set(got.refused) <= {429}
    assert got.refused[429] > 0
    assert got.broken == 0
    assert (await served(drill_stack))["most_in_flight"] == places
    again = await storm(drill_stack, customer, body(max_tokens=16), count=places)
    assert again.statuses == {200: places}


async def test_the_places_of_a_relay_that_was_killed_come_back(
    drill_stack: Stack, operator: Operator
) -> None:
    places = 4
    customer = await operator.customer(quota_units=10**8)
    await warm(drill_stack, customer)
    await limit_key(drill_stack, customer, RequestLimits(concurrent_requests=places))
    hanging = body(simulate={"delay_ms": 30_000}, max_tokens=16)
    await forget_served(drill_stack)
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    url = drill_stack.relay_url(3) + "/v1/chat/completions"
    async with aiohttp.ClientSession(headers=headers) as http:
        calls = [asyncio.create_task(http.post(url, data=hanging)) for _ in range(places)]
        async with asyncio.timeout(20):
            while (await served(drill_stack))["in_flight"] < places:
                await asyncio.sleep(0.05)
        taken = await storm(drill_stack, customer, body(max_tokens=16), count=3, relays=range(3))
        assert taken.statuses == {429: 3}
        await drill_stack.kill("relay-3")
        killed_at = time.monotonic()
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, aiohttp.ClientError) for each in ended)
    async with asyncio.timeout(60):
        while (
            await storm(drill_stack, customer, body(max_tokens=16), count=1, relays=range(1))
        ).statuses[429]:
            await asyncio.sleep(0.05)
    back_after_s = time.monotonic() - killed_at
    assert back_after_s < 3 + 12, "a lease of 3 s, and what a busy machine needs"
    await forget_served(drill_stack)
    slow = body(simulate={"delay_ms": 1_000}, max_tokens=16)
    all_of_it = await storm(drill_stack, customer, slow, count=places * 3, relays=range(3))
    assert all_of_it.statuses[200] >= places
    assert (await served(drill_stack))["most_in_flight"] == places
    await make_whole(drill_stack)

"""Limits as clients see them: headers on every answer, and the SDKs' own errors."""

import asyncio
from collections.abc import Mapping

import aiohttp
import anthropic
import openai
import pytest

from deploy.local.stack import Stack
from shared.events.limits import LimitChanged, RateLimitStrategy, RequestLimits
from tests.e2e.test_anthropic_sdk import HELLO as HELLO_CLAUDE
from tests.e2e.test_openai_sdk import HELLO, simulate
from tests.gateway.counting import events_of
from tests.gateway.limits import limit_key, publish_limit
from tests.gateway.operator import CLAUDE, MODEL, Customer, Operator
from tests.gateway.storm import body, storm

_LIMITS = RequestLimits(requests_per_minute=5, tokens_per_minute=100_000, concurrent_requests=3)


def _sdk(stack: Stack, customer: Customer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"{stack.relay_url()}/v1", api_key=customer.api_key, max_retries=0, timeout=20
    )


def _requests_left(headers: Mapping[str, str]) -> tuple[str, str]:
    return headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]


async def test_every_answer_tells_how_the_limits_stand(stack: Stack, operator: Operator) -> None:
    """Plain and streamed, and those that the provider or the gateway refused."""
    customer = await operator.customer(quota_units=10**7)
    await limit_key(stack, customer, _LIMITS)
    async with _sdk(stack, customer) as sdk:
        raw = sdk.chat.completions.with_raw_response
        plain = await raw.create(model=MODEL, messages=HELLO, max_tokens=16)
        assert _requests_left(plain.headers) == ("5", "4")
        assert plain.headers["x-ratelimit-limit-tokens"] == "100000"
        assert plain.headers["x-ratelimit-reset-requests"].endswith("s")
        assert plain.headers["RateLimit-Policy"].startswith('"key-requests";q=5;w=60')
        assert '"key-concurrent";r=2' in plain.headers["RateLimit"]
        streamed = await raw.create(model=MODEL, messages=HELLO, max_tokens=16, stream=True)
        assert _requests_left(streamed.headers) == ("5", "3")
        async for _ in streamed.parse():
            pass
        with pytest.raises(openai.BadRequestError) as refused:
            await raw.create(model=MODEL, messages=simulate(status=400), max_tokens=16)
        assert _requests_left(refused.value.response.headers) == ("5", "2")
        for _ in range(2):
            await raw.create(model=MODEL, messages=HELLO, max_tokens=16)
        with pytest.raises(openai.RateLimitError) as limited:
            await raw.create(model=MODEL, messages=HELLO, max_tokens=16)
    error = limited.value
    assert error.code == "rate_limit_exceeded"
    assert "limit of 5 requests in 60 s of this API key" in error.message
    assert _requests_left(error.response.headers) == ("5", "0")
    assert 1 <= int(error.response.headers["retry-after"]) <= 62


async def test_anthropic_s_clients_are_refused_in_their_dialect(
    stack: Stack, operator: Operator
) -> None:
    customer = await operator.customer(quota_units=10**8)
    await limit_key(stack, customer, RequestLimits(requests_per_minute=1), model=CLAUDE)
    async with anthropic.AsyncAnthropic(
        base_url=stack.relay_url(), api_key=customer.api_key, max_retries=0, timeout=20
    ) as sdk:
        raw = sdk.messages.with_raw_response
        first = await raw.create(model=CLAUDE, max_tokens=9, messages=HELLO_CLAUDE)
        assert first.headers["anthropic-ratelimit-requests-remaining"] == "0"
        with pytest.raises(anthropic.RateLimitError) as limited:
            await raw.create(model=CLAUDE, max_tokens=9, messages=HELLO_CLAUDE)
    assert limited.value.body["error"]["type"] == "rate_limit_error"  # type: ignore[index]  # JSON
    assert limited.value.response.headers["anthropic-ratelimit-requests-limit"] == "1"
    assert int(limited.value.response.headers["retry-after"]) >= 1


async def test_a_request_larger_than_the_limit_is_told_what_fits_and_the_sdk_does_not_try_again(
    stack: Stack, operator: Operator
) -> None:
    customer = await operator.customer(quota_units=10**7)
    await limit_key(stack, customer, RequestLimits(tokens_per_minute=1_000))
    async with openai.AsyncOpenAI(
        base_url=f"{stack.relay_url()}/v1", api_key=customer.api_key, max_retries=2, timeout=20
    ) as sdk:
        with pytest.raises(openai.RateLimitError) as limited:
            await sdk.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=5_000)
        fitting = int(limited.value.message.partition("`max_tokens` up to ")[2].partition(".")[0])
        await sdk.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=fitting)
    async with asyncio.timeout(20):
        while len(events := await events_of(stack, workspace_id=customer.workspace_id)) < 2:
            await asyncio.sleep(0.1)
    assert sorted(event["outcome"] for event in events.values()) == ["rejected", "succeeded"]


async def test_a_client_that_goes_gives_its_place_back(stack: Stack, operator: Operator) -> None:
    """Not while the provider still answers: the place is of the request, not of the connection."""
    customer = await operator.customer(quota_units=10**7)
    await limit_key(stack, customer, RequestLimits(concurrent_requests=1))
    slow = body(simulate={"event_interval_ms": 20, "events": 150}, stream=True, max_tokens=200)
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    url = f"{stack.relay_url()}/v1/chat/completions"
    async with aiohttp.ClientSession(headers=headers) as http:
        response = await http.post(url, data=slow)
        await response.content.readany()
        assert (await storm(stack, customer, body(), count=1)).statuses == {429: 1}
        response.close()
    async with asyncio.timeout(20):
        while (await storm(stack, customer, body(), count=1)).statuses[429]:
            await asyncio.sleep(0.05)


async def test_a_workspace_s_rule_limits_the_path_that_it_names_and_no_other(
    stack: Stack, operator: Operator
) -> None:
    customer = await operator.customer(quota_units=10**7)
    rule = LimitChanged(
        limit_id=4_711,
        workspace_id=customer.workspace_id,
        name="few embeddings",
        path_pattern="/v1/emb*",
        method="POST",
        requests=3,
        window_ms=3_600_000,
        strategy=RateLimitStrategy.TOKEN_BUCKET,
    )
    await publish_limit(stack, rule)
    async with _sdk(stack, customer) as sdk:
        raw = sdk.embeddings.with_raw_response
        async with asyncio.timeout(20):
            while (
                "ratelimit"
                not in (await raw.create(model="text-embedding-3-small", input="x")).headers
            ):
                await asyncio.sleep(0.05)
        for _ in range(2):
            await raw.create(model="text-embedding-3-small", input="x")
        with pytest.raises(openai.RateLimitError, match="of this workspace is reached"):
            await raw.create(model="text-embedding-3-small", input="x")
        chat = await sdk.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
        assert "ratelimit" not in chat.headers
    await publish_limit(stack, rule.model_copy(update={"is_deleted": True}))

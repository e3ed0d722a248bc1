"""What requests in Anthropic's dialect are charged, added up by hand."""

import contextlib
import json
from typing import Any

import aiohttp
import anthropic
import pytest

from deploy.local.stack import Stack
from tests.gateway.counting import count
from tests.gateway.operator import CLAUDE, Customer, Operator


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=5_000_000)


async def ask(
    claude: anthropic.AsyncAnthropic, customer: Customer, *, stream: bool, **behaviour: object
) -> str:
    """The request's id; the prompt is 4,000 bytes and so 1,000 tokens."""
    marker = f"[[simulate {json.dumps(behaviour)}]]"
    content = marker + "x" * (4000 - len(marker))
    sdk = claude.with_options(api_key=customer.api_key)
    wanted: dict[str, Any] = {"model": CLAUDE, "max_tokens": 600, "stream": stream}
    answer = await sdk.messages.with_raw_response.create(
        **wanted, messages=[{"role": "user", "content": content}]
    )
    if stream:
        parsed: Any = await answer.parse()
        with contextlib.suppress(anthropic.APIStatusError):  # a stream that is cut
            _ = [event async for event in parsed]
    request_id: str = answer.headers["x-request-id"]
    assert answer.headers["request-id"] == request_id
    return request_id


@pytest.mark.parametrize("stream", [False, True])
async def test_the_charge_of_a_cached_prompt_can_be_added_up_by_hand(
    stack: Stack,
    operator: Operator,
    claude: anthropic.AsyncAnthropic,
    customer: Customer,
    *,
    stream: bool,
) -> None:
    """claude-sonnet-5-5 is $2 and $10 a million: a ratio of 1, and 5 for the output.

    1,000 plain, 4,000 read from the cache at 0.05, 800 written for five minutes at 1.25, 300 for
    an hour at 2, 500 of output: 1,000 + 200 + 1,000 + 600 + 2,500 = 5,300.
    """
    request_id = await ask(
        claude,
        customer,
        stream=stream,
        completion_tokens=500,
        cached_tokens=4000,
        cache_write_5m_tokens=800,
        cache_write_1h_tokens=300,
    )
    counted = await count(stack, workspace_id=customer.workspace_id, of={request_id})
    event = counted.events[request_id]
    assert event["dialect"] == "anthropic"
    assert event["usage_source"] == "provider"
    usage = event["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (1000, 500)
    assert (usage["cached_tokens"], usage["prompt_includes_cached"]) == (4000, False)
    assert usage["cache_creation_tokens"] == 1100
    assert usage["cache_creation_1h_tokens"] == 300
    assert event["quota"] == counted.charged_units[request_id] == 5300
    assert event["hold_quota"] >= 5300
    token = await operator.sign_in(customer.username, customer.password)
    account = await operator.call("GET", "/api/billing/account", token=token)
    assert account["balance_units"] == 5_000_000 - 5300
    page = await operator.call("GET", "/api/log/self?type=2", token=token)
    (row,) = page["items"]
    assert (row["quota"], row["prompt_tokens"], row["completion_tokens"]) == (5300, 1000, 500)


async def test_counting_tokens_is_free_and_has_its_event(
    stack: Stack, claude: anthropic.AsyncAnthropic, operator: Operator
) -> None:
    """Even for who has no balance."""
    nobody = await operator.customer(quota_units=0)
    sdk = claude.with_options(api_key=nobody.api_key)
    answer = await sdk.messages.with_raw_response.count_tokens(
        model=CLAUDE, messages=[{"role": "user", "content": "x" * 4000}]
    )
    assert (await answer.parse()).input_tokens == 1000
    request_id = answer.headers["x-request-id"]
    counted = await count(stack, workspace_id=nobody.workspace_id, of={request_id})
    event = counted.events[request_id]
    assert (event["outcome"], event["quota"], event["hold_quota"]) == ("succeeded", 0, 0)
    assert counted.charged_units[request_id] == 0


async def test_a_cut_stream_is_charged_by_its_told_input_and_an_estimate(
    stack: Stack, claude: anthropic.AsyncAnthropic, customer: Customer
) -> None:
    """The provider tells the input first; what it had sent of the output is a quarter of its bytes.

    4,000 tokens from the cache cost 200; reckoned by bytes they would be lost, or cost 20 times as
    much.
    """
    request_id = await ask(claude, customer, stream=True, cached_tokens=4000, cut_after_events=6)
    counted = await count(stack, workspace_id=customer.workspace_id, of={request_id})
    event = counted.events[request_id]
    assert (event["outcome"], event["error_code"]) == ("failed", "upstream_cut")
    assert event["usage_source"] == "estimated"
    usage = event["usage"]
    assert (usage["prompt_tokens"], usage["cached_tokens"]) == (1000, 4000)
    # "Every ", "whole ", "answer ": 19 bytes.
    assert usage["completion_tokens"] == 5
    assert event["quota"] == counted.charged_units[request_id] == 1000 + 200 + 25


BY_USAGE = ("provider", range(1080, 1081))  # 1,000 and 16 · 5
# 4,000 bytes and what is around them; 83 bytes of answer.
BY_BYTES = ("estimated", range(1001, 1300))


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ({"usage_in_last_chunk": True}, BY_USAGE),
        ({"usage_strings": True}, BY_USAGE),
        ({"unknown_events": True, "comments_and_keepalives": True}, BY_USAGE),
        ({"no_done": True}, BY_USAGE),
        ({"no_usage": True}, BY_BYTES),
        ({"usage_negative": True}, BY_BYTES),
        ({"usage_huge": True}, BY_BYTES),
    ],
)
async def test_odd_usage_is_charged_soundly_or_estimated(
    stack: Stack,
    claude: anthropic.AsyncAnthropic,
    customer: Customer,
    behaviour: dict[str, object],
    expected: tuple[str, range],
) -> None:
    ids = [await ask(claude, customer, stream=stream, **behaviour) for stream in (True, False)]
    counted = await count(stack, workspace_id=customer.workspace_id, of=ids)
    for request_id in ids:
        event = counted.events[request_id]
        assert event["outcome"] == "succeeded"
        assert event["usage_source"] == expected[0]
        assert counted.charges[request_id] == 1
        assert event["quota"] in expected[1]


async def test_only_channels_of_the_dialect_serve_its_calls(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    """A provider that is asked in another dialect would not understand."""
    url = f"{stack.relay_url()}/v1/chat/completions"
    body = {"model": CLAUDE, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as told:
        assert told.status == 503
        assert (await told.json())["error"]["code"] == "no_channel"
    assert operator.demo.claude_model

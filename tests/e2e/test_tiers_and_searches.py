"""What tiers of service and searches of the web cost, with the SDKs, added up by hand.

Both models cost 1 for a token of input. An output token costs 4 with the one, 5 with the other; a
search $10 for 1,000, which is 5,000 units; and what it finds are 600 tokens at the provider.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.gateway.counting import count
from tests.gateway.operator import MODEL, Customer, Operator

GPT, CLAUDE = "searching-gpt", "searching-claude"
CONTEXT = 8_000
PRICE: dict[str, Any] = {
    "model_ratio": "1",
    "tool_prices": {"web_search": "10"},
    "max_input_tokens": CONTEXT,
}
PRICES: dict[str, dict[str, Any]] = {
    GPT: {**PRICE, "completion_ratio": "4", "service_tiers": {"priority": "2.5", "flex": "0.5"}},
    CLAUDE: {**PRICE, "completion_ratio": "5", "service_tiers": {"priority": "1.5"}},
}
DIALECTS = {GPT: "openai", CLAUDE: "anthropic"}
START_UNITS = 5_000_000
SEARCH: dict[str, Any] = {"type": "web_search"}
CLAUDE_SEARCH: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search"}
_DEADLINE_S = 30.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def models(
    operator: Operator, client: openai.AsyncOpenAI, claude: anthropic.AsyncAnthropic
) -> AsyncIterator[None]:
    """Two models of this module's own, until its end."""
    channels = []
    try:
        for model, price in PRICES.items():
            fields = {"name": model, "groups": ["default"], "max_output_tokens": 4_096}
            await operator.call("POST", "/api/models/", fields)
            await operator.call("PUT", f"/api/prices/{model}", price)
            channels.append(await operator.channel(models=[model], dialect=DIALECTS[model]))
        async with asyncio.timeout(_DEADLINE_S):
            while not await _are_served(client, claude):
                await asyncio.sleep(0.1)
        yield
    finally:
        for channel_id in channels:
            await operator.call("DELETE", f"/api/channel/{channel_id}")
        for model in PRICES:
            await operator.call("DELETE", f"/api/prices/{model}")
            await operator.call("DELETE", f"/api/models/{model}")


async def _are_served(client: openai.AsyncOpenAI, claude: anthropic.AsyncAnthropic) -> bool:
    """The models, their prices and their channels are on their ways to the relay."""
    try:
        await client.responses.create(model=GPT, input="hello")
        await claude.messages.create(
            model=CLAUDE, max_tokens=9, messages=[{"role": "user", "content": "hello"}]
        )
    except (
        *(openai.NotFoundError, openai.InternalServerError),
        *(anthropic.NotFoundError, anthropic.InternalServerError),
    ):
        return False
    return True


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=START_UNITS)


def prompt(**behaviour: object) -> str:
    """1,000 tokens; the answer has 500."""
    marker = f"[[simulate {json.dumps({'completion_tokens': 500, **behaviour})}]]"
    return marker + "x" * (4_000 - len(marker))


async def chat(
    sdk: openai.AsyncOpenAI, behaviour: dict[str, Any], *, stream: bool, **asked: Any
) -> str:
    """The request's id."""
    wanted: dict[str, Any] = {"model": GPT, "stream": stream, "max_tokens": 600, **asked}
    answer = await sdk.chat.completions.with_raw_response.create(
        messages=[{"role": "user", "content": prompt(**behaviour)}], **wanted
    )
    if stream:
        _ = [chunk async for chunk in answer.parse()]
    return str(answer.headers["x-request-id"])


async def response(
    sdk: openai.AsyncOpenAI, behaviour: dict[str, Any], *, stream: bool, **asked: Any
) -> str:
    wanted: dict[str, Any] = {"model": GPT, "stream": stream, "max_output_tokens": 600, **asked}
    answer = await sdk.responses.with_raw_response.create(input=prompt(**behaviour), **wanted)
    if stream:
        *_, end = [event async for event in answer.parse()]
        assert end.type == "response.completed"
    return str(answer.headers["x-request-id"])


async def message(
    sdk: anthropic.AsyncAnthropic, behaviour: dict[str, Any], *, stream: bool, **asked: Any
) -> str:
    wanted: dict[str, Any] = {"model": CLAUDE, "stream": stream, "max_tokens": 600, **asked}
    answer = await sdk.messages.with_raw_response.create(
        messages=[{"role": "user", "content": prompt(**behaviour)}], **wanted
    )
    if stream:
        parsed: Any = await answer.parse()
        assert [event async for event in parsed][-1].type == "message_stop"
    return str(answer.headers["x-request-id"])


TWICE = {"web_searches": 2}
ALWAYS = {"web_searches": 50}
"""As often as the request allows."""


class Case(NamedTuple):
    call: Any
    behaviour: dict[str, Any]
    asked: dict[str, Any]
    quota: int
    searches: int = 0


CASES: dict[str, Case] = {
    # 1,000 + 500 · 4 = 3,000
    "chat, ordinary": Case(chat, {}, {}, 3_000),
    "chat, priority": Case(chat, {}, {"service_tier": "priority"}, 7_500),
    "chat, flex": Case(chat, {}, {"service_tier": "flex"}, 1_500),
    "chat, flex that was short of it": Case(
        chat, {"service_tier": "default"}, {"service_tier": "flex"}, 3_000
    ),
    "chat, priority by the provider's choice": Case(chat, {"service_tier": "priority"}, {}, 7_500),
    "response, priority": Case(response, {}, {"service_tier": "priority"}, 7_500),
    # (1,000 + 2 · 600 + 500 · 4) + 2 · 5,000
    "response, two searches": Case(
        response, TWICE, {"tools": [SEARCH], "max_tool_calls": 3}, 4_200 + 10_000, 2
    ),
    # (1,000 + 2 · 600 + 500 · 4) · 0.5 + 2 · 5,000: a tier changes no tool's price
    "response, two searches in flex": Case(
        response,
        TWICE,
        {"tools": [SEARCH], "max_tool_calls": 3, "service_tier": "flex"},
        2_100 + 10_000,
        2,
    ),
    # (1,000 + 5 · 600 + 500 · 4) + 5 · 5,000: the gateway named the bound
    "response, all that the gateway allows": Case(
        response, ALWAYS, {"tools": [SEARCH]}, 6_000 + 25_000, 5
    ),
    # (1,000 + 2 · 600 + 500 · 5) + 2 · 5,000
    "message, two searches": Case(
        message, TWICE, {"tools": [{**CLAUDE_SEARCH, "max_uses": 3}]}, 4_700 + 10_000, 2
    ),
    # (1,000 + 5 · 600 + 500 · 5) + 5 · 5,000
    "message, all that the gateway allows": Case(
        message, ALWAYS, {"tools": [CLAUDE_SEARCH]}, 6_500 + 25_000, 5
    ),
    # (1,000 + 500 · 5) · 1.5
    "message, priority by the provider's choice": Case(
        message, {"service_tier": "priority"}, {}, 5_250
    ),
}


@pytest.mark.usefixtures("models")
async def test_each_charge_can_be_added_up_by_hand(
    stack: Stack,
    operator: Operator,
    client: openai.AsyncOpenAI,
    claude: anthropic.AsyncAnthropic,
    customer: Customer,
) -> None:
    sdks: dict[Any, Any] = {
        message: claude.with_options(api_key=customer.api_key),
        chat: client.with_options(api_key=customer.api_key),
        response: client.with_options(api_key=customer.api_key),
    }
    asked = {
        (name, stream): await case.call(
            sdks[case.call], case.behaviour, stream=stream, **case.asked
        )
        for name, case in CASES.items()
        for stream in (False, True)
    }
    of = set(asked.values())
    counted = await count(stack, workspace_id=customer.workspace_id, of=of)
    for (name, _), request_id in asked.items():
        case, event = CASES[name], counted.events[request_id]
        assert (event["outcome"], event["usage_source"]) == ("succeeded", "provider"), name
        assert event["usage"].get("tool_calls", {}).get("web_search", 0) == case.searches, name
        assert event["quota"] == counted.charged_units[request_id] == case.quota, name
        assert event["quota"] <= event["hold_quota"], name
    token = await operator.sign_in(customer.username, customer.password)
    account = await operator.call("GET", "/api/billing/account", token=token)
    spent = 2 * sum(case.quota for case in CASES.values())
    assert account["balance_units"] == START_UNITS - spent
    searched = asked["response, two searches", True]
    # The model's context for three searches and once more, and the dearest tier that it may be
    # served in: (4 · 8,000 + 600 · 4) · 2.5 + 3 · 5,000.
    assert counted.events[searched]["hold_quota"] == 101_000
    charge = await operator.call("GET", f"/api/billing/charges/{searched}", token=token)
    assert "2 web_search × $10 × 500" in charge["formula"]
    assert charge["formula"].endswith("= 14200")


@pytest.mark.usefixtures("models")
async def test_a_search_is_refused_where_the_balance_does_not_cover_it(
    operator: Operator, client: openai.AsyncOpenAI, claude: anthropic.AsyncAnthropic
) -> None:
    """It would cover the request without."""
    poor = await operator.customer(quota_units=20_000)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        await response(client.with_options(api_key=poor.api_key), {}, stream=False, tools=[SEARCH])
    assert refused.value.code == "insufficient_user_quota"
    with pytest.raises(anthropic.PermissionDeniedError):
        await message(
            claude.with_options(api_key=poor.api_key), {}, stream=False, tools=[CLAUDE_SEARCH]
        )
    assert await message(claude.with_options(api_key=poor.api_key), {}, stream=False)


async def test_a_search_or_a_tier_without_a_price_is_refused_by_name(
    client: openai.AsyncOpenAI, claude: anthropic.AsyncAnthropic, operator: Operator
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(model=MODEL, input="hello", tools=[{"type": "web_search"}])
    assert refused.value.param == "tools"
    assert "`web_search`" in refused.value.message
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(model=MODEL, input="hello", service_tier="priority")
    assert refused.value.param == "service_tier"
    hello: list[Any] = [{"role": "user", "content": "hello"}]
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model=MODEL, messages=hello, web_search_options={})
    assert refused.value.param == "web_search_options"
    assert "/v1/responses" in refused.value.message
    search: Any = CLAUDE_SEARCH
    with pytest.raises(anthropic.BadRequestError) as no:
        await claude.messages.create(
            model=operator.demo.claude_model, max_tokens=9, messages=hello, tools=[search]
        )
    assert "`web_search`" in no.value.message

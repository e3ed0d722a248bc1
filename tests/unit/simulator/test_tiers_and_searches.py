"""Tiers of service, and searches of the web, as the SDKs read them."""

import json
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from deploy.simulator.web_search import SEARCH_TOKENS
from tests.unit.simulator.conftest import Simulator

GPT = "gpt-4o-mini"
CLAUDE = "claude-sonnet-5-5"
HELLO: list[Any] = [{"role": "user", "content": "hello"}]
SEARCH: Any = {"type": "web_search"}
CLAUDE_SEARCH: Any = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}


@pytest.mark.parametrize(
    ("asked", "switch", "served"),
    [
        ({}, "", "default"),
        ({"service_tier": "auto"}, "", "default"),
        ({"service_tier": "priority"}, "", "priority"),
        ({"service_tier": "flex"}, "!service_tier=default", "default"),
        ({}, "!service_tier=priority", "priority"),
    ],
)
async def test_an_answer_names_the_tier_that_it_was_served_in(
    openai_client: AsyncOpenAI, asked: Any, switch: str, served: str
) -> None:
    model = GPT + switch
    chat: Any = openai_client.chat.completions
    answer = await chat.create(model=model, messages=HELLO, **asked)
    assert answer.service_tier == served
    stream = await chat.create(model=model, messages=HELLO, stream=True, **asked)
    assert {chunk.service_tier async for chunk in stream} == {served}
    response: Any = await openai_client.responses.create(model=model, input="hello", **asked)
    assert response.service_tier == served


async def test_a_message_says_its_tier_too(anthropic_client: AsyncAnthropic) -> None:
    for model, tier in ((CLAUDE, "standard"), (f"{CLAUDE}!service_tier=priority", "priority")):
        answer = await anthropic_client.messages.create(model=model, max_tokens=9, messages=HELLO)
        assert answer.usage.service_tier == tier


@pytest.mark.parametrize(
    ("switch", "bound", "searches"),
    [("", 3, 1), ("!web_searches=2", 3, 2), ("!web_searches=0", 3, 0), ("!web_searches=9", 3, 3)],
)
async def test_a_response_searches_as_often_as_it_may(
    openai_client: AsyncOpenAI, switch: str, bound: int, searches: int
) -> None:
    asked: dict[str, Any] = {"model": GPT + switch, "input": "hello", "tools": [SEARCH]}
    plain = await openai_client.responses.create(**asked, max_tool_calls=bound)
    async with openai_client.responses.stream(**asked, max_tool_calls=bound) as stream:
        streamed: Any = await stream.get_final_response()
    for answer in (plain, streamed):
        assert [item.type for item in answer.output] == ["web_search_call"] * searches + ["message"]
        assert answer.output_text
        assert answer.usage.input_tokens == 2 + searches * SEARCH_TOKENS


@pytest.mark.parametrize(
    ("switch", "searches"), [("", 1), ("!web_searches=2", 2), ("!web_searches=9", 3)]
)
async def test_a_message_searches_as_often_as_it_may(
    anthropic_client: AsyncAnthropic, switch: str, searches: int
) -> None:
    asked: dict[str, Any] = {"model": CLAUDE + switch, "max_tokens": 99, "messages": HELLO}
    plain = await anthropic_client.messages.create(**asked, tools=[CLAUDE_SEARCH])
    async with anthropic_client.messages.stream(**asked, tools=[CLAUDE_SEARCH]) as stream:
        streamed: Any = await stream.get_final_message()
    for answer in (plain, streamed):
        kinds = ["server_tool_use", "web_search_tool_result"] * searches + ["text"]
        assert [block.type for block in answer.content] == kinds
        assert answer.content[0].input == {"query": "what is new"}
        assert answer.usage.server_tool_use.web_search_requests == searches
        assert answer.usage.input_tokens == 2 + searches * SEARCH_TOKENS


async def test_who_offers_no_search_gets_none(
    openai_client: AsyncOpenAI, anthropic_client: AsyncAnthropic, simulator: Simulator
) -> None:
    switch = "!web_searches=2"
    response = await openai_client.responses.create(model=GPT + switch, input="hello")
    assert [item.type for item in response.output] == ["message"]
    answer = await anthropic_client.messages.create(
        model=CLAUDE + switch, max_tokens=9, messages=HELLO
    )
    assert answer.usage.server_tool_use is None
    async with simulator.chat(simulate={"web_searches": -1}) as refused:
        assert refused.status == 400
        assert json.loads(await refused.read())["error"]["code"] == "bad_simulation"

"""The `openai` SDK, unchanged, through every real part."""

import asyncio
import json

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from deploy.local.stack import Stack
from tests.gateway.operator import MODEL, Operator

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
WEATHER: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]


def simulate(**behaviour: object) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": f"[[simulate {json.dumps(behaviour)}]]"}]


async def test_a_plain_answer(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    assert answer._request_id


def test_the_sync_client(stack: Stack, operator: Operator) -> None:
    with openai.OpenAI(
        base_url=f"{stack.relay_url()}/v1", api_key=operator.demo.api_key, max_retries=0
    ) as sync:
        answer = sync.chat.completions.create(model=MODEL, messages=HELLO)
        assert answer.choices[0].message.content
        streamed = list(sync.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
        assert len(streamed) > 5
        assert MODEL in [model.id for model in sync.models.list()]


async def test_a_stream_without_usage_gets_none_although_we_asked_for_it(
    client: openai.AsyncOpenAI,
) -> None:
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks)
    assert all(chunk.choices for chunk in chunks), "the usage chunk was not taken out"
    assert all(chunk.usage is None for chunk in chunks)


async def test_a_stream_with_usage_gets_it(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


async def test_tools_plain_and_streamed(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL, messages=HELLO, tools=WEATHER, tool_choice="required"
    )
    calls = answer.choices[0].message.tool_calls
    assert calls
    assert calls[0].type == "function"
    assert calls[0].function.name == "weather"
    stream = await client.chat.completions.create(
        model=MODEL, messages=HELLO, tools=WEATHER, tool_choice="required", stream=True
    )
    deltas = [chunk.choices[0].delta async for chunk in stream if chunk.choices]
    assert any(delta.tool_calls for delta in deltas)


class Step(BaseModel):
    title: str
    minutes: int


class Recipe(BaseModel):
    name: str
    steps: list[Step]


async def test_json_mode_and_parse(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL, messages=HELLO, response_format={"type": "json_object"}
    )
    json.loads(answer.choices[0].message.content or "")
    parsed = await client.chat.completions.parse(
        model=MODEL, messages=HELLO, response_format=Recipe
    )
    assert isinstance(parsed.choices[0].message.parsed, Recipe)


async def test_images_are_accepted_and_held_for(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "what is this"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}},
                ],
            }
        ],
    )
    assert answer.choices[0].message.content


async def test_unknown_fields_pass(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL, messages=HELLO, extra_body={"top_k": 5, "nested": {"a": [1.50, 1e3]}}
    )
    assert answer.choices[0].message.content


async def test_each_error_is_the_sdks_own(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as unknown:
        await client.with_options(api_key="sk-nobody").chat.completions.create(
            model=MODEL, messages=HELLO
        )
    assert unknown.value.code == "invalid_api_key"
    assert "request id:" in unknown.value.message
    with pytest.raises(openai.NotFoundError) as missing:
        await client.chat.completions.create(model="no-such-model", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        await client.chat.completions.create(model=MODEL, messages=simulate(status=400))
    assert bad.value.request_id
    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(model=MODEL, messages=simulate(status=429))
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(model=MODEL, messages=simulate(status=500))
    with pytest.raises(openai.InternalServerError) as malformed:
        await client.chat.completions.create(model=MODEL, messages=simulate(malformed_json=True))
    assert malformed.value.code == "upstream_malformed"
    with pytest.raises(openai.InternalServerError) as cut:
        await client.chat.completions.create(model=MODEL, messages=simulate(cut_body_at=40))
    assert cut.value.code == "upstream_cut"


async def test_a_cut_stream_is_an_error_and_not_an_end(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=simulate(cut_after_events=4), stream=True
    )
    with pytest.raises(openai.APIError, match="cut off"):
        [chunk async for chunk in stream]


async def test_a_client_time_out_is_the_clients_own(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.APITimeoutError):
        await client.with_options(timeout=0.3).chat.completions.create(
            model=MODEL, messages=simulate(delay_ms=2000)
        )


async def test_two_hundred_streams_at_once(client: openai.AsyncOpenAI) -> None:
    async def one() -> int:
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        return len([chunk async for chunk in stream])

    assert len(set(await asyncio.gather(*(one() for _ in range(200))))) == 1

import asyncio
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from deploy.simulator.chat_request import count_prompt_tokens

HELLO: list[Any] = [{"role": "user", "content": "hello there"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
            "required": ["city", "days"],
        },
    },
}


class Address(BaseModel):
    street: str
    number: int


class Person(BaseModel):
    name: str
    age: int
    nickname: str | None
    addresses: list[Address]


async def test_a_plain_answer_has_text_and_usage(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == "gpt-4o-mini"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == count_prompt_tokens(HELLO) == 3
    assert answer.usage.completion_tokens == 16
    assert answer.usage.total_tokens == 19


async def test_a_limit_cuts_each_choice_and_says_so(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.chat.completions.create(
        model="gpt-4.1", messages=HELLO, n=3, max_completion_tokens=5
    )
    assert [choice.finish_reason for choice in answer.choices] == ["length"] * 3
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 15


async def test_a_stream_gives_the_plain_answers_text_and_usage_only_if_asked(
    openai_client: AsyncOpenAI,
) -> None:
    plain = await openai_client.chat.completions.create(model="gpt-4o", messages=HELLO)
    for include_usage in (True, False):
        stream = await openai_client.chat.completions.create(
            model="gpt-4o",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": include_usage},
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == plain.choices[0].message.content
        usages = [chunk.usage for chunk in chunks if chunk.usage]
        assert usages == ([plain.usage] if include_usage else [])
        assert bool(chunks[-1].choices) is not include_usage


async def test_tools_are_called_plain_and_streamed(openai_client: AsyncOpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "please call the tool"}]
    answer = await openai_client.chat.completions.create(
        model="gpt-4o", messages=messages, tools=[TOOL]
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    calls: Any = answer.choices[0].message.tool_calls
    assert calls[0].function.name == "weather"
    assert calls[0].function.arguments == '{"city":"text","days":2}'
    async with openai_client.chat.completions.stream(
        model="gpt-4o", messages=messages, tools=[TOOL]
    ) as stream:
        whole: Any = await stream.get_final_completion()
    assert whole.choices[0].message.tool_calls[0].function.arguments == '{"city":"text","days":2}'


async def test_tools_are_left_alone_unless_asked_for(openai_client: AsyncOpenAI) -> None:
    choices: dict[str, str] = {"auto": "stop", "none": "stop", "required": "tool_calls"}
    for tool_choice, finish_reason in choices.items():
        choice: Any = tool_choice
        answer = await openai_client.chat.completions.create(
            model="gpt-4o", messages=HELLO, tools=[TOOL], tool_choice=choice
        )
        assert answer.choices[0].finish_reason == finish_reason


async def test_parse_gets_an_object_that_fits(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.chat.completions.parse(
        model="gpt-4o", messages=HELLO, response_format=Person
    )
    person = answer.choices[0].message.parsed
    assert person is not None
    assert person.addresses[0].number == 1


async def test_images_are_accepted_and_counted(openai_client: AsyncOpenAI) -> None:
    messages: list[Any] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        }
    ]
    answer = await openai_client.chat.completions.create(model="gpt-4o", messages=messages)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3 + 85


async def test_errors_are_the_sdks_own(openai_client: AsyncOpenAI) -> None:
    for status, kind in (
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (404, openai.NotFoundError),
    ):
        with pytest.raises(kind) as caught:
            await openai_client.chat.completions.create(
                model="gpt-4o", messages=HELLO, extra_headers={"x-simulate": f"status={status}"}
            )
        assert caught.value.request_id is not None
        assert caught.value.request_id.startswith("req_")


async def test_an_error_event_ends_a_stream_in_the_sdks_error(openai_client: AsyncOpenAI) -> None:
    stream = await openai_client.chat.completions.create(
        model="gpt-4o!error_event_mid_stream", messages=HELLO, stream=True
    )
    with pytest.raises(openai.APIError, match="server had an error"):
        _ = [chunk async for chunk in stream]


async def test_the_sync_client_lists_models(openai_client: AsyncOpenAI) -> None:
    def names() -> list[str]:
        with OpenAI(api_key="sk-test", base_url=str(openai_client.base_url)) as client:
            return [model.id for model in client.models.list()]

    assert "gpt-4o-mini" in await asyncio.to_thread(names)

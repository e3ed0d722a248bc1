"""The simulated provider's other calls, as the `openai` SDK sees them."""

import math
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

TEXT_MODEL = "gpt-3.5-turbo-instruct"
CHAT_MODEL = "gpt-4o-mini"
SMALL = "text-embedding-3-small"
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "strict": True,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


async def test_each_kind_of_prompt_is_completed_and_counted(openai_client: AsyncOpenAI) -> None:
    prompts: tuple[tuple[Any, int, int], ...] = (
        ("12345678", 1, 2),
        (["12345678", "1"], 2, 3),
        ([7, 8, 9], 1, 3),
        ([[7, 8], [9]], 2, 3),
    )
    for prompt, answers, tokens in prompts:
        answer = await openai_client.completions.create(model=TEXT_MODEL, prompt=prompt)
        assert [choice.index for choice in answer.choices] == list(range(answers))
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == tokens
        assert answer.usage.completion_tokens == 16 * answers


async def test_best_of_is_used_and_n_is_given(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.completions.create(
        model=TEXT_MODEL, prompt=["a", "b"], n=2, best_of=3, max_tokens=5, echo=True, suffix="end"
    )
    assert [choice.text[0] for choice in answer.choices] == ["a", "a", "b", "b"]
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2 * 3 * 5


async def test_a_streamed_completion_is_the_plain_one(openai_client: AsyncOpenAI) -> None:
    plain = await openai_client.completions.create(model=TEXT_MODEL, prompt="hello", n=2)
    stream = await openai_client.completions.create(
        model=TEXT_MODEL, prompt="hello", n=2, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    told = [choice for chunk in chunks for choice in chunk.choices]
    for index in (0, 1):
        text = "".join(choice.text for choice in told if choice.index == index)
        assert text == plain.choices[index].text
    assert chunks[-1].usage == plain.usage


async def test_embeddings_are_the_same_in_both_encodings(openai_client: AsyncOpenAI) -> None:
    by_default = await openai_client.embeddings.create(model=SMALL, input=["one", "two"])
    as_floats = await openai_client.embeddings.create(
        model=SMALL, input=["one", "two"], encoding_format="float"
    )
    for packed, plain in zip(by_default.data, as_floats.data, strict=True):
        assert len(plain.embedding) == 1536
        assert packed.embedding == pytest.approx(plain.embedding, abs=1e-6)
        assert math.hypot(*plain.embedding) == pytest.approx(1)
    assert by_default.data[0].embedding != by_default.data[1].embedding
    assert by_default.usage.prompt_tokens == 2
    short = await openai_client.embeddings.create(model=SMALL, input=[[1, 2]], dimensions=8)
    assert len(short.data[0].embedding) == 8
    assert short.usage.total_tokens == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"model": SMALL, "input": ""},
        {"model": SMALL, "input": []},
        {"model": SMALL, "input": ["x"] * 2049},
        {"model": SMALL, "input": ["x"], "dimensions": 1537},
        {"model": "text-embedding-ada-002", "input": "x", "dimensions": 8},
    ],
)
async def test_an_embedding_that_cannot_be_is_refused(
    openai_client: AsyncOpenAI, fields: Any
) -> None:
    with pytest.raises(openai.BadRequestError):
        await openai_client.embeddings.create(**fields)


async def test_moderations_need_no_model(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.moderations.create(input=["peace", "violence"])
    assert answer.model == "omni-moderation-latest"
    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.violence
    parts: Any = [{"type": "text", "text": "violence"}, {"type": "image_url", "image_url": {}}]
    assert len((await openai_client.moderations.create(input=parts)).results) == 1


async def test_a_model_is_retrieved_or_is_not_there(openai_client: AsyncOpenAI) -> None:
    assert (await openai_client.models.retrieve(SMALL)).id == SMALL
    with pytest.raises(openai.NotFoundError):
        await openai_client.models.retrieve("some/other")


async def test_a_response_has_text_and_usage(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.responses.create(
        model=CHAT_MODEL,
        instructions="1234",
        input="12345678901234567890123",
        store=False,
    )
    assert answer.status == "completed"
    assert len(answer.output_text.split()) == 16
    assert answer.usage is not None
    assert answer.usage.input_tokens == 7
    assert answer.usage.output_tokens == 16


def simulated(asked: str) -> str:
    return f"[[simulate {asked}]]"


async def test_a_responses_details_and_limit_are_told(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.responses.create(
        model=CHAT_MODEL,
        input=simulated('{"cached_tokens": 3, "reasoning_tokens": 4}'),
        max_output_tokens=10,
    )
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.usage is not None
    assert answer.usage.input_tokens_details.cached_tokens == 3
    assert answer.usage.output_tokens_details.reasoning_tokens == 4
    assert answer.usage.output_tokens == 10


async def test_the_stream_helper_puts_the_plain_answer_together(
    openai_client: AsyncOpenAI,
) -> None:
    asked = simulated('{"reasoning_tokens": 2}')
    plain = await openai_client.responses.create(model=CHAT_MODEL, input=asked)
    async with openai_client.responses.stream(model=CHAT_MODEL, input=asked) as stream:
        numbers = [event.sequence_number async for event in stream]
        whole = await stream.get_final_response()
    assert numbers == list(range(len(numbers)))
    assert whole.output_text == plain.output_text
    assert whole.usage == plain.usage


async def test_several_tools_are_called_plain_and_streamed(openai_client: AsyncOpenAI) -> None:
    asked = simulated('{"tool_calls": 2}')
    plain = await openai_client.responses.create(
        model=CHAT_MODEL, input=asked, tools=[WEATHER], tool_choice="required"
    )
    calls = [item for item in plain.output if item.type == "function_call"]
    assert [call.arguments for call in calls] == ['{"city":"text"}'] * 2
    async with openai_client.responses.stream(
        model=CHAT_MODEL, input=asked, tools=[WEATHER], tool_choice="required"
    ) as stream:
        kinds = {event.type async for event in stream}
        whole = await stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    assert len(whole.output) == 2
    chat = await openai_client.chat.completions.create(
        model=CHAT_MODEL,
        messages=[{"role": "user", "content": asked}],
        tools=[{"type": "function", "function": {"name": "weather"}}],
        tool_choice="required",
        stream=True,
    )
    deltas = [chunk.choices[0].delta async for chunk in chat]
    assert {call.index for delta in deltas for call in delta.tool_calls or ()} == {0, 1}


class City(BaseModel):
    name: str
    people: int


async def test_a_response_is_parsed(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.responses.parse(model=CHAT_MODEL, input="which", text_format=City)
    assert isinstance(answer.output_parsed, City)


async def test_a_custom_tool_is_called_with_free_text(openai_client: AsyncOpenAI) -> None:
    stream = await openai_client.responses.create(
        model=CHAT_MODEL,
        input="call it",
        tools=[{"type": "custom", "name": "shell"}],
        stream=True,
    )
    kinds = [event.type async for event in stream]
    assert "response.custom_tool_call_input.done" in kinds
    assert kinds[-1] == "response.completed"


async def test_a_response_fails_as_asked(openai_client: AsyncOpenAI) -> None:
    failed = simulated('{"response_failed": true}')
    answer = await openai_client.responses.create(model=CHAT_MODEL, input=failed)
    assert answer.status == "failed"
    assert answer.error is not None
    stream = await openai_client.responses.create(model=CHAT_MODEL, input=failed, stream=True)
    assert [event.type async for event in stream][-1] == "response.failed"
    broken = simulated('{"error_event_mid_stream": true}')
    stream = await openai_client.responses.create(model=CHAT_MODEL, input=broken, stream=True)
    with pytest.raises(openai.APIError):
        [event async for event in stream]

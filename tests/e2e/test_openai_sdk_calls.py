"""OpenAI's other calls: the `openai` SDK, unchanged, through every real part."""

import json
import math
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from deploy.local.stack import Stack
from tests.gateway.operator import MODEL, Operator

TEXT_MODEL = "gpt-3.5-turbo-instruct"
SMALL = "text-embedding-3-small"
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "strict": True,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def simulate(**behaviour: object) -> str:
    return f"[[simulate {json.dumps(behaviour)}]]"


def test_the_sync_client_makes_every_call(stack: Stack, operator: Operator) -> None:
    with openai.OpenAI(
        base_url=f"{stack.relay_url()}/v1", api_key=operator.demo.api_key, max_retries=0
    ) as sync:
        assert sync.completions.create(model=TEXT_MODEL, prompt="hello").choices[0].text
        text = sync.completions.create(model=TEXT_MODEL, prompt="hello", stream=True)
        assert len(list(text)) > 5
        assert len(sync.embeddings.create(model=SMALL, input="hello").data[0].embedding) == 1536
        assert not sync.moderations.create(input="hello").results[0].flagged
        assert sync.models.retrieve(SMALL).id == SMALL
        assert sync.responses.create(model=MODEL, input="hello").output_text
        events = list(sync.responses.create(model=MODEL, input="hello", stream=True))
        assert events[-1].type == "response.completed"
        with sync.responses.stream(model=MODEL, input="hello") as stream:
            assert stream.get_final_response().output_text


async def test_each_kind_of_prompt_is_completed(client: openai.AsyncOpenAI) -> None:
    for prompt, answers in (("one", 1), (["one", "two"], 2), ([7, 8], 1), ([[7, 8], [9]], 2)):
        answer = await client.completions.create(model=TEXT_MODEL, prompt=prompt)
        assert len(answer.choices) == answers
        assert answer._request_id
    best = await client.completions.create(
        model=TEXT_MODEL, prompt="say", n=2, best_of=3, max_tokens=4, echo=True, suffix="."
    )
    assert [choice.text[:3] for choice in best.choices] == ["say", "say"]
    assert best.usage is not None
    assert best.usage.completion_tokens == 12


async def test_a_streamed_completion_tells_usage_only_where_it_is_asked(
    client: openai.AsyncOpenAI,
) -> None:
    stream = await client.completions.create(model=TEXT_MODEL, prompt="hello", stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)
    stream = await client.completions.create(
        model=TEXT_MODEL, prompt="hello", stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 16


async def test_embeddings_are_the_same_in_both_encodings(client: openai.AsyncOpenAI) -> None:
    """The SDK asks for base64 by itself."""
    packed = await client.embeddings.create(model=SMALL, input=["one", "two"])
    plain = await client.embeddings.create(
        model=SMALL, input=["one", "two"], encoding_format="float"
    )
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert math.hypot(*one.embedding) == pytest.approx(1, abs=1e-5)
    tokens = await client.embeddings.create(model=SMALL, input=[[1, 2], [3]], dimensions=8)
    assert [len(each.embedding) for each in tokens.data] == [8, 8]
    assert tokens.usage.prompt_tokens == 3
    many = await client.embeddings.create(model=SMALL, input=[f"text {n}" for n in range(500)])
    assert [each.index for each in many.data] == list(range(500))


async def test_moderations_need_no_model_and_cost_nothing(client: openai.AsyncOpenAI) -> None:
    answer = await client.moderations.create(input=["peace", "violence"])
    assert answer.model == "omni-moderation-latest"
    assert [result.flagged for result in answer.results] == [False, True]
    named = await client.moderations.create(model="text-moderation-latest", input="peace")
    assert named.model == "text-moderation-latest"
    parts: Any = [
        {"type": "text", "text": "peace"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}},
    ]
    assert len((await client.moderations.create(input=parts)).results) == 1


async def test_a_model_is_retrieved_as_far_as_the_key_may_use_it(
    client: openai.AsyncOpenAI, operator: Operator
) -> None:
    assert (await client.models.retrieve(MODEL)).owned_by == "openai"
    for name in ("no-such-model", "org/no-such/model", "ü"):
        with pytest.raises(openai.NotFoundError) as missing:
            await client.models.retrieve(name)
        assert missing.value.code == "model_not_found"
    slashed = {"groups": ["default"], "max_output_tokens": 100}
    await operator.call("POST", "/api/models/", {"name": "org/one", **slashed})
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("org/one")  # it has no price yet


async def test_a_response_plain_parsed_and_with_tools(client: openai.AsyncOpenAI) -> None:
    class City(BaseModel):
        name: str
        people: int

    answer = await client.responses.create(
        model=MODEL, instructions="Be brief.", input="hello", max_output_tokens=10
    )
    assert answer.status == "incomplete"
    assert answer.usage is not None
    assert answer.usage.output_tokens == 10
    assert answer.model_extra is not None
    assert answer.model_extra["store"] is False, "the provider was not told not to store"
    parsed = await client.responses.parse(model=MODEL, input="hello", text_format=City)
    assert isinstance(parsed.output_parsed, City)
    called = await client.responses.create(
        model=MODEL,
        input=simulate(tool_calls=2),
        tools=[WEATHER, {"type": "custom", "name": "shell"}],
        tool_choice="required",
    )
    assert [item.type for item in called.output] == ["function_call"] * 2
    back: Any = [
        {"role": "user", "content": "call the weather"},
        *(item.model_dump() for item in called.output),
        *(
            {"type": "function_call_output", "call_id": item.call_id, "output": "rain"}
            for item in called.output
            if item.type == "function_call"
        ),
    ]
    assert (await client.responses.create(model=MODEL, input=back, tools=[WEATHER])).output_text


async def test_a_response_with_an_image(client: openai.AsyncOpenAI) -> None:
    content: Any = [
        {"type": "input_text", "text": "what is this"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0K", "detail": "auto"},
    ]
    answer = await client.responses.create(
        model=MODEL, input=[{"role": "user", "content": content}]
    )
    assert answer.output_text


async def test_the_stream_helper_puts_the_whole_response_together(
    client: openai.AsyncOpenAI,
) -> None:
    asked = simulate(reasoning_tokens=3, cached_tokens=2)
    async with client.responses.stream(model=MODEL, input=asked) as stream:
        kinds = [event.type async for event in stream]
        whole = await stream.get_final_response()
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_text.delta") == 16
    assert whole.usage is not None
    assert whole.usage.output_tokens_details.reasoning_tokens == 3
    assert whole.usage.input_tokens_details.cached_tokens == 2
    async with client.responses.stream(
        model=MODEL, input=simulate(tool_calls=3), tools=[WEATHER], tool_choice="required"
    ) as stream:
        done = [e async for e in stream if e.type == "response.function_call_arguments.done"]
        whole = await stream.get_final_response()
    assert len(done) == len(whole.output) == 3
    limited = await client.responses.create(
        model=MODEL, input="hello", stream=True, max_output_tokens=4
    )
    assert [event.type async for event in limited][-1] == "response.incomplete"


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"background": True},
        {"store": True},
        {"prompt": {"id": "pmpt_1"}},
        {"tools": [{"type": "web_search"}]},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
    ],
)
async def test_what_a_stateless_gateway_cannot_do_is_named(
    client: openai.AsyncOpenAI, fields: dict[str, Any]
) -> None:
    asked: Any = {"model": MODEL, "input": "hello", **fields}
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(**asked)
    assert refused.value.param == next(iter(fields))
    assert "request id:" in refused.value.message

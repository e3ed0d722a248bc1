"""What providers do now and then, in each of OpenAI's calls, as the SDK sees it behind us."""

import json
from typing import Any

import openai
import pytest

from tests.gateway.operator import MODEL

TEXT_MODEL = "gpt-3.5-turbo-instruct"
SMALL = "text-embedding-3-small"
HARMLESS: list[dict[str, Any]] = [
    {"comments_and_keepalives": True},
    {"crlf_events": True},
    {"split_bytes": 1},
    {"split_bytes": 7, "comments_and_keepalives": True, "crlf_events": True},
    {"event_interval_ms": 2},
    {"no_usage": True},
    {"usage_in_last_chunk": True},
    {"usage_strings": True},
    {"upstream_model": "another-name"},
    {"big_headers": 3_000},
    {"gzip": True, "event_interval_ms": 1},
]
ERRORS: list[tuple[dict[str, Any], type[openai.APIStatusError], str | None]] = [
    ({"status": 400}, openai.BadRequestError, None),
    ({"status": 404}, openai.NotFoundError, "model_not_found"),
    ({"status": 429}, openai.RateLimitError, "rate_limit_exceeded"),
    ({"status": 500}, openai.InternalServerError, None),
    ({"malformed_json": True}, openai.InternalServerError, "upstream_malformed"),
    ({"cut_body_at": 20}, openai.InternalServerError, "upstream_cut"),
    ({"reset": True}, openai.InternalServerError, "upstream_connection"),
]


def simulate(behaviour: dict[str, Any]) -> str:
    return f"[[simulate {json.dumps(behaviour)}]]"


async def ask(client: openai.AsyncOpenAI, call: str, said: str) -> Any:
    if call == "completions":
        return await client.completions.create(model=TEXT_MODEL, prompt=said)
    if call == "responses":
        return await client.responses.create(model=MODEL, input=said)
    if call == "embeddings":
        return await client.embeddings.create(model=SMALL, input=said)
    return await client.moderations.create(input=said)


async def stream(client: openai.AsyncOpenAI, call: str, said: str) -> list[Any]:
    made: Any
    if call == "completions":
        made = await client.completions.create(model=TEXT_MODEL, prompt=said, stream=True)
    elif call == "responses":
        made = await client.responses.create(model=MODEL, input=said, stream=True)
    else:
        said_by_user: Any = [{"role": "user", "content": said}]
        made = await client.chat.completions.create(model=MODEL, messages=said_by_user, stream=True)
    return [event async for event in made]


def text_of(events: list[Any]) -> str:
    """Of a stream of completions or of a response."""
    if hasattr(events[0], "choices"):
        return "".join(choice.text for event in events for choice in event.choices)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


@pytest.mark.parametrize("call", ["completions", "responses", "embeddings", "moderations"])
async def test_each_error_is_the_sdks_own(client: openai.AsyncOpenAI, call: str) -> None:
    for behaviour, kind, code in ERRORS:
        with pytest.raises(kind) as caught:
            await ask(client, call, simulate(behaviour))
        assert caught.value.request_id, behaviour
        assert code in (None, caught.value.code), behaviour
    with pytest.raises(openai.AuthenticationError):
        await ask(client.with_options(api_key="sk-nobody"), call, "hello")


@pytest.mark.parametrize("call", ["completions", "responses"])
@pytest.mark.parametrize("behaviour", HARMLESS, ids=json.dumps)
async def test_an_odd_stream_is_the_same_answer(
    client: openai.AsyncOpenAI, call: str, behaviour: dict[str, Any]
) -> None:
    events = await stream(client, call, simulate(behaviour))
    assert len(text_of(events).split()) == 16
    if call == "responses":
        assert events[-1].type == "response.completed"
    else:
        assert all(event.usage is None for event in events[:-1])


@pytest.mark.parametrize("call", ["completions", "responses", "chat"])
@pytest.mark.parametrize(
    "behaviour",
    [{"cut_after_events": 5}, {"reset_after_events": 4}, {"cut_after_events": 4, "split_bytes": 3}],
    ids=json.dumps,
)
async def test_a_cut_stream_is_an_error_and_not_an_end(
    client: openai.AsyncOpenAI, call: str, behaviour: dict[str, Any]
) -> None:
    with pytest.raises(openai.APIError, match="cut off"):
        await stream(client, call, simulate(behaviour))


@pytest.mark.parametrize("call", ["completions", "responses", "chat"])
async def test_the_providers_own_error_in_a_stream_is_raised(
    client: openai.AsyncOpenAI, call: str
) -> None:
    with pytest.raises(openai.APIError, match="server had an error"):
        await stream(client, call, simulate({"error_event_mid_stream": True}))


async def test_a_response_without_its_last_event_is_cut(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.APIError, match="cut off"):
        await stream(client, "responses", simulate({"no_done": True}))
    assert len(text_of(await stream(client, "completions", simulate({"no_done": True})))) > 5


async def test_a_response_that_failed_says_so(client: openai.AsyncOpenAI) -> None:
    failed = simulate({"response_failed": True})
    answer = await client.responses.create(model=MODEL, input=failed)
    assert answer.status == "failed"
    assert answer.error is not None
    assert (await stream(client, "responses", failed))[-1].type == "response.failed"


async def test_nothing_to_choose_is_an_answer(client: openai.AsyncOpenAI) -> None:
    empty = simulate({"empty_choices": True})
    assert (await client.completions.create(model=TEXT_MODEL, prompt=empty)).choices == []
    assert (await client.responses.create(model=MODEL, input=empty)).output == []
    assert (await client.moderations.create(input=empty)).results == []
    plain = await client.embeddings.with_raw_response.create(model=SMALL, input=empty)
    assert json.loads(plain.text)["data"] == []
    for call in ("completions", "responses", "chat"):
        assert await stream(client, call, empty)


async def test_several_tools_are_called_in_a_streamed_chat(client: openai.AsyncOpenAI) -> None:
    said: Any = [{"role": "user", "content": simulate({"tool_calls": 3})}]
    made = await client.chat.completions.create(
        model=MODEL,
        messages=said,
        tools=[{"type": "function", "function": {"name": "weather"}}],
        tool_choice="required",
        stream=True,
    )
    deltas = [chunk.choices[0].delta async for chunk in made if chunk.choices]
    assert {call.index for delta in deltas for call in delta.tool_calls or ()} == {0, 1, 2}

"""The `anthropic` SDK, unchanged, through every real part."""

import asyncio
import json
from typing import Any

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam

from deploy.local.stack import Stack
from tests.gateway.operator import CLAUDE, Operator

HELLO: list[MessageParam] = [{"role": "user", "content": "hello"}]
WEATHER: list[ToolParam] = [
    {
        "name": "weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]


def simulate(**behaviour: object) -> list[MessageParam]:
    return [{"role": "user", "content": f"[[simulate {json.dumps(behaviour)}]]"}]


async def test_a_plain_answer(claude: anthropic.AsyncAnthropic) -> None:
    answer = await claude.messages.create(model=CLAUDE, max_tokens=100, messages=HELLO)
    assert answer.content[0].type == "text"
    assert answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 16)
    assert answer._request_id


def test_the_sync_client(stack: Stack, operator: Operator) -> None:
    with anthropic.Anthropic(
        base_url=stack.relay_url(), api_key=operator.demo.api_key, max_retries=0
    ) as sync:
        answer = sync.messages.create(model=CLAUDE, max_tokens=100, messages=HELLO)
        assert answer.content[0].type == "text"
        with sync.messages.stream(model=CLAUDE, max_tokens=100, messages=HELLO) as stream:
            assert "".join(stream.text_stream) == answer.content[0].text
        raw = list(sync.messages.create(model=CLAUDE, max_tokens=9, messages=HELLO, stream=True))
        assert raw[0].type == "message_start"
        assert raw[-1].type == "message_stop"
        assert sync.messages.count_tokens(model=CLAUDE, messages=HELLO).input_tokens == 2


async def test_a_key_is_taken_as_x_api_key_too(
    stack: Stack, operator: Operator, claude: anthropic.AsyncAnthropic
) -> None:
    """Older releases of the SDK, and other clients, send it so; a bearer is an OAuth token's."""
    async with anthropic.AsyncAnthropic(
        base_url=stack.relay_url(),
        api_key="sk-other",
        default_headers={"x-api-key": operator.demo.api_key, "anthropic-version": "2023-06-01"},
        max_retries=0,
    ) as older:
        assert (await older.messages.create(model=CLAUDE, max_tokens=9, messages=HELLO)).id
    bearer = claude.with_options(api_key=None, auth_token=operator.demo.api_key)
    assert (await bearer.messages.create(model=CLAUDE, max_tokens=9, messages=HELLO)).id


async def test_a_stream_of_text_with_its_usage(claude: anthropic.AsyncAnthropic) -> None:
    async with claude.messages.stream(model=CLAUDE, max_tokens=100, messages=HELLO) as stream:
        text = "".join([part async for part in stream.text_stream])
        whole = await stream.get_final_message()
    assert whole.content[0].type == "text"
    assert whole.content[0].text == text
    assert whole.stop_reason == "end_turn"
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (2, 16)


async def test_thinking_plain_and_streamed(claude: anthropic.AsyncAnthropic) -> None:
    wanted: dict[str, Any] = {"model": CLAUDE, "max_tokens": 2000, "messages": HELLO}
    wanted["thinking"] = {"type": "adaptive"}
    answer: Any = await claude.messages.create(**wanted)
    async with claude.messages.stream(**wanted) as stream:
        kinds = {event.type async for event in stream}
        whole: Any = await stream.get_final_message()
    assert {"thinking", "signature", "text"} <= kinds
    for message in (answer, whole):
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert message.content[0].thinking
        assert message.content[0].signature
        assert message.usage.output_tokens == 24


async def test_several_tools_plain_and_streamed(claude: anthropic.AsyncAnthropic) -> None:
    wanted: dict[str, Any] = {"model": CLAUDE, "max_tokens": 2000, "tools": WEATHER}
    wanted |= {"messages": simulate(tool_calls=3), "tool_choice": {"type": "any"}}
    answer: Any = await claude.messages.create(**wanted)
    async with claude.messages.stream(**wanted) as stream:
        whole: Any = await stream.get_final_message()
    for message in (answer, whole):
        assert message.stop_reason == "tool_use"
        assert [block.input for block in message.content] == [{"city": "text"}] * 3
    result: Any = [
        {"role": "user", "content": "what is the weather"},
        {"role": "assistant", "content": whole.to_dict()["content"]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": block.id, "content": "sunny"}
                for block in whole.content
            ],
        },
    ]
    answer = await claude.messages.create(
        model=CLAUDE, max_tokens=100, messages=result, tools=WEATHER
    )
    assert answer.stop_reason == "end_turn"


async def test_images_and_documents_are_accepted_and_held_for(
    claude: anthropic.AsyncAnthropic,
) -> None:
    image: Any = {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}
    document: Any = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}
    messages: list[MessageParam] = [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": image},
                {"type": "document", "source": document},
                {"type": "text", "text": "what is this"},
            ],
        }
    ]
    answer = await claude.messages.create(model=CLAUDE, max_tokens=100, messages=messages)
    assert answer.usage.input_tokens == 3 + 85 + 1500


async def test_unknown_fields_and_betas_pass(claude: anthropic.AsyncAnthropic) -> None:
    answer = await claude.beta.messages.create(
        model=CLAUDE,
        max_tokens=100,
        messages=[{"role": "user", "content": "hello"}],
        betas=["context-1m-2025-08-07", "one-more-2026"],
        extra_body={"top_k": 5, "nested": {"a": [1.50, 1e3]}},
    )
    assert answer.content[0].type == "text"


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ({"status": 400}, anthropic.BadRequestError),
        ({"status": 404}, anthropic.NotFoundError),
        ({"status": 413}, anthropic.ContentTooLargeError),
        ({"status": 429}, anthropic.RateLimitError),
        ({"status": 500}, anthropic.InternalServerError),
        ({"status": 529}, anthropic.OverloadedError),
        ({"malformed_json": True}, anthropic.InternalServerError),
        ({"cut_body_at": 40}, anthropic.InternalServerError),
        ({"reset": True}, anthropic.InternalServerError),
    ],
)
async def test_each_error_of_a_provider_is_the_sdks_own(
    claude: anthropic.AsyncAnthropic,
    behaviour: dict[str, object],
    kind: type[anthropic.APIStatusError],
) -> None:
    with pytest.raises(kind) as caught:
        await claude.messages.create(model=CLAUDE, max_tokens=100, messages=simulate(**behaviour))
    assert caught.value.request_id
    assert "anthropic-ratelimit-requests-limit" not in caught.value.response.headers


async def test_each_refusal_of_the_gateways_is_the_sdks_own(
    operator: Operator, claude: anthropic.AsyncAnthropic
) -> None:
    with pytest.raises(anthropic.AuthenticationError) as unknown:
        await claude.with_options(api_key="sk-nobody").messages.create(
            model=CLAUDE, max_tokens=9, messages=HELLO
        )
    body: Any = unknown.value.body
    assert body["error"]["type"] == "authentication_error"
    assert f"(request id: {unknown.value.request_id})" in body["error"]["message"]
    assert body["request_id"] == unknown.value.request_id
    with pytest.raises(anthropic.NotFoundError) as missing:
        await claude.messages.create(model="no-such-model", max_tokens=9, messages=HELLO)
    assert missing.value.type == "not_found_error"
    with pytest.raises(anthropic.BadRequestError):
        await claude.messages.create(model=CLAUDE, max_tokens=-1, messages=HELLO)
    with pytest.raises(anthropic.NotFoundError):
        await claude.post("/v1/messages/batches", cast_to=object, body={})
    poor = await operator.customer(quota_units=1000)
    with pytest.raises(anthropic.PermissionDeniedError, match="would cover `max_tokens`"):
        await claude.with_options(api_key=poor.api_key).messages.create(
            model=CLAUDE, max_tokens=100_000, messages=[{"role": "user", "content": "h"}]
        )


async def test_a_cut_stream_is_an_error_and_not_an_end(claude: anthropic.AsyncAnthropic) -> None:
    for behaviour in ({"cut_after_events": 5}, {"reset_after_events": 5}):
        seen = []
        stream = await claude.messages.create(
            model=CLAUDE, max_tokens=100, messages=simulate(**behaviour), stream=True
        )
        with pytest.raises(anthropic.APIStatusError, match="cut off"):
            seen += [event.type async for event in stream]
        assert "message_stop" not in seen


async def test_an_error_in_the_middle_of_a_stream_is_the_providers(
    claude: anthropic.AsyncAnthropic,
) -> None:
    stream = await claude.messages.create(
        model=CLAUDE, max_tokens=100, messages=simulate(error_event_mid_stream=True), stream=True
    )
    with pytest.raises(anthropic.APIStatusError) as caught:
        _ = [event async for event in stream]
    assert caught.value.type == "overloaded_error"


@pytest.mark.parametrize(
    "behaviour",
    [
        {"comments_and_keepalives": True},
        {"crlf_events": True},
        {"split_bytes": 7},
        {"no_done": True},
        {"usage_strings": True},
    ],
)
async def test_oddities_of_a_stream_do_not_harm(
    claude: anthropic.AsyncAnthropic, behaviour: dict[str, object]
) -> None:
    async with claude.messages.stream(
        model=CLAUDE, max_tokens=100, messages=simulate(**behaviour)
    ) as stream:
        whole = await stream.get_final_message()
    assert whole.content[0].type == "text"
    assert whole.content[0].text.count(" ") == 16


async def test_events_that_nobody_knows_pass(claude: anthropic.AsyncAnthropic) -> None:
    stream = await claude.messages.create(
        model=CLAUDE, max_tokens=100, messages=simulate(unknown_events=True), stream=True
    )
    kinds = [str(event.type) async for event in stream]
    assert kinds[-3:] == ["novel_event", "message_delta", "message_stop"]


async def test_a_client_time_out_is_the_clients_own(claude: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        await claude.with_options(timeout=0.3).messages.create(
            model=CLAUDE, max_tokens=100, messages=simulate(delay_ms=2000)
        )


async def test_fifty_streams_at_once(claude: anthropic.AsyncAnthropic) -> None:
    async def one() -> tuple[int, str | None]:
        stream = await claude.messages.create(
            model=CLAUDE, max_tokens=100, messages=HELLO, stream=True
        )
        events = [event async for event in stream]
        return len(events), events[-1].type

    (outcome,) = set(await asyncio.gather(*(one() for _ in range(50))))
    assert outcome[1] == "message_stop"


async def test_models_are_listed_for_this_dialect_too(claude: anthropic.AsyncAnthropic) -> None:
    names = [model.id async for model in claude.models.list(limit=3)]
    assert CLAUDE in names
    assert len(names) > 3, "only one page was read"
    assert (await claude.models.retrieve(CLAUDE)).max_tokens == 128_000
    with pytest.raises(anthropic.NotFoundError) as missing:
        await claude.models.retrieve("no-such-model")
    assert missing.value.type == "not_found_error"
    with pytest.raises(anthropic.AuthenticationError):
        await claude.with_options(api_key="sk-nobody").models.list()

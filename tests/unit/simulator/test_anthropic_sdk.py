import asyncio
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

from deploy.simulator.anthropic_request import count_input_tokens
from tests.unit.simulator.conftest import Simulator

HELLO: list[Any] = [{"role": "user", "content": "hello there"}]
CALL: list[Any] = [{"role": "user", "content": "please call the tool"}]
TOOL: Any = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
MODEL = "claude-sonnet-5-5"


async def test_a_plain_answer_has_text_and_usage(anthropic_client: AsyncAnthropic) -> None:
    answer = await anthropic_client.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    assert answer.id.startswith("msg_")
    assert answer.content[0].type == "text"
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens == count_input_tokens({"messages": HELLO}) == 3
    assert answer.usage.output_tokens == 16


async def test_a_stream_gives_the_plain_answers_text_and_usage(
    anthropic_client: AsyncAnthropic,
) -> None:
    plain = await anthropic_client.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    for misbehaviour in ("", "!split_bytes=1", "!comments_and_keepalives", "!crlf_events"):
        async with anthropic_client.messages.stream(
            model=MODEL + misbehaviour, max_tokens=100, messages=HELLO
        ) as stream:
            whole: Any = await stream.get_final_message()
        assert whole.content[0].text == plain.content[0].to_dict()["text"]
        assert whole.usage.input_tokens == plain.usage.input_tokens
        assert whole.usage.output_tokens == plain.usage.output_tokens


async def test_thinking_comes_first_signed_and_within_the_limit(
    anthropic_client: AsyncAnthropic,
) -> None:
    async with anthropic_client.messages.stream(
        model=MODEL,
        max_tokens=1030,
        messages=HELLO,
        thinking={"type": "enabled", "budget_tokens": 1024},
    ) as stream:
        whole: Any = await stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert whole.content[0].thinking
    assert whole.content[0].signature
    assert whole.usage.output_tokens == 8 + 16
    cut = await anthropic_client.messages.create(
        model=f"{MODEL}!reasoning_tokens=8", max_tokens=10, messages=HELLO
    )
    assert cut.stop_reason == "max_tokens"
    assert cut.usage.output_tokens == 10


async def test_several_tools_are_called_plain_and_streamed(
    anthropic_client: AsyncAnthropic,
) -> None:
    wanted: dict[str, Any] = {"max_tokens": 100, "messages": CALL, "tools": [TOOL]}
    answer: Any = await anthropic_client.messages.create(model=f"{MODEL}!tool_calls=2", **wanted)
    assert answer.stop_reason == "tool_use"
    assert [block.input for block in answer.content] == [{"city": "text"}] * 2
    async with anthropic_client.messages.stream(model=f"{MODEL}!tool_calls=2", **wanted) as stream:
        whole: Any = await stream.get_final_message()
    assert [block.input for block in whole.content] == [{"city": "text"}] * 2


async def test_tools_are_left_alone_unless_asked_for(anthropic_client: AsyncAnthropic) -> None:
    reasons = {"auto": "end_turn", "none": "end_turn", "any": "tool_use"}
    for kind, reason in reasons.items():
        choice: Any = {"type": kind}
        answer = await anthropic_client.messages.create(
            model=MODEL, max_tokens=100, messages=HELLO, tools=[TOOL], tool_choice=choice
        )
        assert answer.stop_reason == reason


async def test_the_cache_is_told_by_its_times(anthropic_client: AsyncAnthropic) -> None:
    model = f"{MODEL}!cached_tokens=7,cache_write_5m_tokens=5,cache_write_1h_tokens=3"
    async with anthropic_client.messages.stream(
        model=model, max_tokens=100, messages=HELLO
    ) as stream:
        usage = (await stream.get_final_message()).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (3, 7)
    assert usage.cache_creation_input_tokens == 8
    assert usage.cache_creation is not None
    assert usage.cache_creation.ephemeral_5m_input_tokens == 5
    assert usage.cache_creation.ephemeral_1h_input_tokens == 3


async def test_tokens_are_counted_with_media_and_tool_results(
    anthropic_client: AsyncAnthropic,
) -> None:
    image: Any = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    result: Any = {"type": "tool_result", "tool_use_id": "t", "content": "12345678"}
    counted = await anthropic_client.messages.count_tokens(
        model=MODEL,
        system="be brief",
        messages=[{"role": "user", "content": [{"type": "image", "source": image}, result]}],
    )
    assert counted.input_tokens == 2 + 2 + 85


async def test_errors_are_the_sdks_own(anthropic_client: AsyncAnthropic) -> None:
    for status, kind in (
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.OverloadedError),
    ):
        with pytest.raises(kind) as caught:
            await anthropic_client.messages.create(
                model=f"{MODEL}!status={status}", max_tokens=9, messages=HELLO
            )
        body: Any = caught.value.body
        assert body["request_id"] == caught.value.request_id
        assert str(caught.value.request_id).startswith("req_")


async def test_an_error_event_ends_a_stream_in_the_sdks_error(
    anthropic_client: AsyncAnthropic,
) -> None:
    with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
        async with anthropic_client.messages.stream(
            model=f"{MODEL}!error_event_mid_stream", max_tokens=100, messages=HELLO
        ) as stream:
            await stream.get_final_message()


async def test_a_request_without_a_limit_is_refused(simulator: Simulator) -> None:
    headers = {"x-api-key": "sk-test", "anthropic-version": "2023-06-01"}
    body = {"model": MODEL, "messages": HELLO}
    url = f"{simulator.url}/v1/messages"
    async with simulator.session.post(url, json=body, headers=headers) as response:
        answer = await response.json()
        assert response.status == 400
        assert answer["error"]["type"] == "invalid_request_error"
        assert answer["request_id"] == response.headers["request-id"]
    async with simulator.session.post(url, json=body) as response:
        assert response.status == 401


async def test_the_sync_client_lists_models(anthropic_client: AsyncAnthropic) -> None:
    def names() -> list[str]:
        with Anthropic(api_key="sk-test", base_url=str(anthropic_client.base_url)) as client:
            return [model.id for model in client.models.list()]

    assert MODEL in await asyncio.to_thread(names)

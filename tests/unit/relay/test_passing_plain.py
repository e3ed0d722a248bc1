"""A plain answer: charged, then sent whole; or an error, and never a part of it."""

import asyncio
import json

import pytest

from services.relay.dialects.openai_chat import ChatCompletions
from shared.events.requests import ErrorCode, Outcome
from shared.events.usage import UsageSource
from tests.unit.relay.fake_upstream import FakeAnswer, Piece
from tests.unit.relay.relayed import Tape, head, relayed

ANSWER = json.dumps(
    {
        "choices": [{"message": {"content": "hello"}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7},
        "odd": 1.50,
    }
).encode()


async def passed(*pieces: Piece, tape: Tape) -> tuple[int, dict[str, str], bytes]:
    answer = FakeAnswer(*pieces, openai_processing_ms="12", x_secret="s")
    async with relayed(answer, tape, stream=False) as (reader, _):
        status, headers = await head(reader)
        body = await reader.readexactly(int(headers["content-length"]))
    assert answer.is_released or answer.is_aborted
    return status, headers, body


async def test_an_answer_is_passed_byte_for_byte_and_charged() -> None:
    tape = Tape()
    status, headers, body = await passed(ANSWER[:20], 0.01, ANSWER[20:], tape=tape)
    assert (status, body) == (200, ANSWER)
    assert headers["openai-processing-ms"] == "12"
    assert headers["x-request-id"]
    assert "x-secret" not in headers
    told = tape.event
    assert (told.outcome, told.quota, told.response_bytes) == (Outcome.SUCCEEDED, 19, len(ANSWER))
    assert tape.settled == [19]


async def test_without_usage_it_is_charged_by_an_estimate() -> None:
    tape = Tape()
    await passed(b'{"choices":[{"message":{"content":"12345678"}}]}', tape=tape)
    assert tape.event.usage_source is UsageSource.ESTIMATED
    assert tape.event.usage.completion_tokens == 2
    assert tape.event.quota == 104


async def test_a_zero_that_is_told_stays_zero() -> None:
    tape = Tape()
    await passed(b'{"usage":{"prompt_tokens":0,"completion_tokens":0}}', tape=tape)
    assert (tape.event.quota, tape.event.usage_source) == (0, UsageSource.PROVIDER)


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([ANSWER[:20], ErrorCode.UPSTREAM_CUT], ErrorCode.UPSTREAM_CUT),
        ([ErrorCode.UPSTREAM_TIMEOUT], ErrorCode.UPSTREAM_TIMEOUT),
        ([ANSWER[:20]], ErrorCode.UPSTREAM_MALFORMED),
        ([b"[]"], ErrorCode.UPSTREAM_MALFORMED),
        ([b""], ErrorCode.UPSTREAM_MALFORMED),
        ([b" " * 2_000_000], ErrorCode.ANSWER_TOO_LARGE),
    ],
)
async def test_an_answer_that_is_not_whole_is_502_and_costs_nothing(
    pieces: list[Piece], code: ErrorCode
) -> None:
    tape = Tape()
    status, _, body = await passed(*pieces, tape=tape)
    assert status == 502
    assert json.loads(body)["error"]["code"] == code.value
    told = tape.event
    assert (told.outcome, told.error_code, told.quota) == (Outcome.FAILED, code, 0)


async def test_a_fault_of_ours_gives_the_upstreams_connection_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would be kept from others until its own time is over."""

    def broken(_call: ChatCompletions, _body: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ChatCompletions, "read_answer", broken)
    answer, tape = FakeAnswer(ANSWER), Tape()
    async with relayed(answer, tape, stream=False) as (reader, _):
        assert (await head(reader))[0] == 500
    assert answer.is_aborted


async def test_nothing_is_sent_before_the_charge_is_safe() -> None:
    tape, safe = Tape(), asyncio.Event()

    async def durable() -> None:
        assert len(tape.records) == 1
        await safe.wait()

    answer = FakeAnswer(ANSWER)
    async with relayed(answer, tape, stream=False, durable=durable) as (reader, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        safe.set()
        assert (await head(reader))[0] == 200

"""A response on its way to the client: charged before its last event, and never faked whole."""

import asyncio
import json

import pytest

from services.relay.dialects.openai_responses import Responses
from shared.events.requests import ErrorCode, Outcome
from shared.events.usage import UsageSource
from tests.unit.relay.fake_upstream import FakeAnswer, Piece
from tests.unit.relay.relayed import Tape, chunk, chunks, head, relayed
from tests.unit.relay.response_streams import SPOKEN, end, event

SAID = b"".join(SPOKEN)


async def streamed(*pieces: Piece, tape: Tape) -> bytes:
    answer = FakeAnswer(*pieces)
    async with relayed(answer, tape, call=Responses()) as (reader, _):
        await head(reader)
        return await chunks(reader)


async def plain(body: bytes, *, tape: Tape) -> bytes:
    async with relayed(FakeAnswer(body), tape, call=Responses(), stream=False) as (reader, _):
        status, headers = await head(reader)
        assert status == 200
        return await reader.readexactly(int(headers["content-length"]))


@pytest.mark.parametrize("kind", ["completed", "incomplete"])
async def test_a_whole_stream_is_passed_and_charged_by_its_usage(kind: str) -> None:
    tape = Tape()
    assert await streamed(*SPOKEN, end(kind), tape=tape) == SAID + end(kind)
    told = tape.event
    assert (told.outcome, told.error_code) == (Outcome.SUCCEEDED, None)
    assert (told.quota, told.usage_source) == (19, UsageSource.PROVIDER)


async def test_the_last_event_waits_for_the_charge_to_be_safe() -> None:
    tape, safe = Tape(), asyncio.Event()

    async def durable() -> None:
        assert len(tape.records) == 1, "the charge is not written yet"
        await safe.wait()

    answer = FakeAnswer(*SPOKEN, end())
    async with relayed(answer, tape, call=Responses(), durable=durable) as (reader, _):
        await head(reader)
        seen = b""
        while seen != SAID:
            seen += await chunk(reader)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        safe.set()
        assert await chunks(reader) == end()


@pytest.mark.parametrize("cut", [[], [ErrorCode.UPSTREAM_CUT], [end()[:-1]]])
async def test_a_stream_that_is_cut_ends_with_the_dialects_error(cut: list[Piece]) -> None:
    tape = Tape()
    body = await streamed(*SPOKEN, *cut, tape=tape)
    assert body.startswith(SAID + b"event: error\n")
    assert b"event: response.completed" not in body
    last = json.loads(body.rpartition(b"data: ")[2])
    assert last["type"] == "error"
    told = tape.event
    assert (told.outcome, told.error_code) == (Outcome.FAILED, ErrorCode.UPSTREAM_CUT)
    assert told.usage_source is UsageSource.ESTIMATED
    assert told.quota > 0


async def test_a_stream_that_failed_is_passed_as_it_came_and_is_a_failure() -> None:
    tape = Tape()
    body = await streamed(SPOKEN[0], end("failed", None), tape=tape)
    assert body == SPOKEN[0] + end("failed", None)
    told = tape.event
    assert (told.outcome, told.quota) == (Outcome.FAILED, 0)
    assert told.error_code is ErrorCode.UPSTREAM_SERVER_ERROR


async def test_the_providers_own_error_is_passed_and_no_other_put_behind_it() -> None:
    error = event("error", message="no", code="server_error", param=None)
    assert await streamed(*SPOKEN, error, tape=Tape()) == SAID + error


async def test_a_plain_answer_that_failed_is_passed_and_costs_nothing() -> None:
    tape = Tape()
    failed = b'{"status":"failed","output":[],"error":{"code":"server_error"},"usage":null}'
    assert await plain(failed, tape=tape) == failed
    told = tape.event
    assert (told.outcome, told.quota, told.http_status) == (Outcome.FAILED, 0, 200)
    assert told.error_code is ErrorCode.UPSTREAM_SERVER_ERROR


async def test_a_plain_answer_that_failed_and_tells_usage_is_charged_by_it() -> None:
    tape = Tape()
    usage = b'{"input_tokens":5,"output_tokens":7}'
    await plain(b'{"status":"failed","output":[],"usage":' + usage + b"}", tape=tape)
    assert (tape.event.outcome, tape.event.quota) == (Outcome.FAILED, 19)

"""A client that reads slowly slows its upstream; and whatever ends its stream completes it once.

Each promise holds for a body that goes straight to the transport, and for one through aiohttp.
"""

import asyncio

import pytest
from aiohttp import web

from services.relay.dialects.openai_stream import OpenAIStreamReader
from shared.events.requests import ErrorCode, Outcome
from shared.events.usage import UsageSource
from shared.http.raw_body import StreamBody, begin_body
from tests.unit.relay.fake_upstream import FakeAnswer
from tests.unit.relay.relayed import Tape, chunks, head, relayed, until
from tests.unit.relay.streams import DONE, SPOKEN, delta, usage_chunk

pytestmark = pytest.mark.usefixtures("kind_of_body")
FLOOD = [delta(content=letter * 100_000) for letter in "abcdefghij" * 30]
"""Far more than the connection's buffers hold."""


async def stalled(answer: FakeAnswer) -> int:
    """How many pieces are left once no more are taken."""
    left, still_for = answer.pieces_left, 0
    async with asyncio.timeout(5):
        while still_for < 20:
            await asyncio.sleep(0.005)
            is_still = answer.pieces_left == left
            left, still_for = answer.pieces_left, still_for + 1 if is_still else 0
    return left


async def test_a_slow_client_stops_its_upstream_and_then_gets_it_all() -> None:
    tape = Tape()
    answer = FakeAnswer(*FLOOD, delta(finish="stop"), usage_chunk(5, 9), DONE)
    async with relayed(answer, tape) as (reader, _):
        await head(reader)
        assert await stalled(answer) > len(FLOOD) // 2, "read on without bound"
        assert not tape.records
        body = await chunks(reader)
    assert body == b"".join(FLOOD) + delta(finish="stop") + DONE
    told = tape.event
    assert (told.outcome, told.client_disconnected) == (Outcome.SUCCEEDED, False)
    assert told.response_bytes == len(body) - len(DONE)
    assert tape.settled == [5 + 2 * 9]
    assert answer.is_released


async def test_an_end_that_comes_while_the_client_takes_nothing_waits_for_it() -> None:
    tape, much = Tape(), b"".join(FLOOD)
    answer = FakeAnswer(SPOKEN[1], 0.01, much, usage_chunk(5, 9) + DONE)
    async with relayed(answer, tape) as (reader, _):
        await head(reader)
        assert await stalled(answer) == 1
        assert not tape.records
        assert await chunks(reader) == SPOKEN[1] + much + DONE
    assert (tape.event.outcome, tape.event.quota) == (Outcome.SUCCEEDED, 5 + 2 * 9)


async def test_a_client_that_leaves_while_it_is_waited_for_is_charged_all_the_same() -> None:
    tape = Tape()
    answer = FakeAnswer(*FLOOD, usage_chunk(5, 900), DONE)
    async with relayed(answer, tape) as (reader, writer):
        await head(reader)
        await stalled(answer)
        writer.transport.abort()
        await until(lambda: bool(tape.records))
    told = tape.event
    assert (told.client_disconnected, told.outcome) == (True, Outcome.SUCCEEDED)
    assert told.quota == 5 + 2 * 900
    assert told.response_bytes < sum(map(len, FLOOD))


async def test_a_stop_while_a_client_is_waited_for_completes_its_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serving: list[asyncio.Task[None]] = []

    async def begun(asked: web.BaseRequest, response: web.StreamResponse) -> StreamBody:
        serving.append(asked.task)
        return await begin_body(asked, response)

    monkeypatch.setattr("services.relay.answering.passing.begin_body", begun)
    tape = Tape()
    answer = FakeAnswer(*FLOOD, usage_chunk(5, 900), DONE)
    async with relayed(answer, tape) as (reader, _):
        await head(reader)
        await stalled(answer)
        assert not tape.records
        serving[0].cancel()
        await until(lambda: bool(tape.records))
        told = tape.event
    assert (told.error_code, told.client_disconnected) == (ErrorCode.SHUTTING_DOWN, False)
    assert told.usage_source is UsageSource.ESTIMATED
    assert len(tape.settled) == 1
    assert answer.is_aborted


async def test_a_fault_of_ours_breaks_the_stream_off_for_all_to_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fed = OpenAIStreamReader.feed

    def fails(reader: OpenAIStreamReader, data: bytes) -> bytes:
        if b"trigger" in data:
            raise RuntimeError("a fault of ours")
        return fed(reader, data)

    monkeypatch.setattr(OpenAIStreamReader, "feed", fails)
    tape = Tape()
    answer = FakeAnswer(SPOKEN[1], 0.01, delta(content="trigger"), DONE)
    async with relayed(answer, tape) as (reader, _):
        await head(reader)
        body = await chunks(reader)
    assert b'"internal"' in body
    assert b"[DONE]" not in body
    assert (tape.event.outcome, tape.event.error_code) == (Outcome.FAILED, ErrorCode.INTERNAL)


async def test_a_fault_while_a_client_is_waited_for_leaves_no_stream_standing(
    kind_of_body: type[StreamBody], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_body: StreamBody, _timeout_s: float) -> bool:
        raise RuntimeError("a fault of ours")

    tape = Tape()
    answer = FakeAnswer(*FLOOD, usage_chunk(5, 9), DONE)
    monkeypatch.setattr(kind_of_body, "room", fails)
    async with relayed(answer, tape) as (reader, _):
        await head(reader)
        await until(lambda: bool(tape.records))
    assert tape.event.error_code is ErrorCode.INTERNAL
    assert answer.is_aborted

"""A stream on its way to the client: charged before its last bytes, and never faked whole.

Each promise holds for a body that goes straight to the transport, and for one through aiohttp.
"""

import asyncio
from contextlib import suppress

import orjson
import pytest

from shared.events.requests import ErrorCode, Outcome
from shared.events.usage import UsageSource
from tests.unit.relay.fake_upstream import FakeAnswer, Piece
from tests.unit.relay.relayed import Tape, chunk, chunks, head, relayed, until
from tests.unit.relay.streams import DONE, SPOKEN, delta, event, usage_chunk

WHOLE = [*SPOKEN, usage_chunk(5, 7), DONE]
SAID = b"".join(SPOKEN)
pytestmark = pytest.mark.usefixtures("kind_of_body")


async def passed(*pieces: Piece, tape: Tape, wants_usage: bool = False) -> bytes:
    answer = FakeAnswer(*pieces)
    async with relayed(answer, tape, wants_usage=wants_usage) as (reader, _):
        status, headers = await head(reader)
        assert status == 200
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["x-request-id"]
        body = await chunks(reader)
    assert answer.is_released or answer.is_aborted
    return body


async def test_a_whole_stream_is_passed_and_charged_by_its_usage() -> None:
    tape = Tape()
    assert await passed(*WHOLE, tape=tape) == SAID + DONE
    told = tape.event
    assert (told.outcome, told.error_code) == (Outcome.SUCCEEDED, None)
    assert (told.quota, told.usage_source) == (19, UsageSource.PROVIDER)
    assert tape.settled == [19]
    assert told.response_bytes == len(SAID)
    assert told.first_byte_ms is not None


async def test_usage_that_was_asked_for_is_passed() -> None:
    body = await passed(*WHOLE, tape=Tape(), wants_usage=True)
    assert body == SAID + usage_chunk(5, 7) + DONE


async def test_the_last_bytes_wait_for_the_charge_to_be_safe() -> None:
    tape, safe, asked = Tape(), asyncio.Event(), asyncio.Event()

    async def durable() -> None:
        assert len(tape.records) == 1, "the charge is not written yet"
        asked.set()
        await safe.wait()

    async with relayed(FakeAnswer(*WHOLE), tape, durable=durable) as (reader, _):
        await head(reader)
        seen = b""
        while seen != SAID:
            seen += await chunk(reader)
        await asyncio.wait_for(asked.wait(), 5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        safe.set()
        assert await chunks(reader) == DONE


async def test_a_stream_without_usage_is_charged_by_an_estimate() -> None:
    tape = Tape()
    await passed(*SPOKEN, DONE, tape=tape)
    told = tape.event
    assert told.usage_source is UsageSource.ESTIMATED
    assert told.usage.prompt_tokens == 100
    assert told.usage.completion_tokens > 10
    assert told.quota == 100 + 2 * told.usage.completion_tokens


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([*SPOKEN[:2], ErrorCode.UPSTREAM_CUT], ErrorCode.UPSTREAM_CUT),
        ([*SPOKEN[:2], ErrorCode.UPSTREAM_TIMEOUT], ErrorCode.UPSTREAM_TIMEOUT),
        ([*SPOKEN[:2]], ErrorCode.UPSTREAM_CUT),
        ([*SPOKEN[:2], SPOKEN[2][:-5]], ErrorCode.UPSTREAM_CUT),
        ([*SPOKEN[:2], *[b"x" * 1024 * 1024] * 5], ErrorCode.ANSWER_TOO_LARGE),
    ],
)
async def test_a_cut_stream_ends_with_an_error_event_and_no_done(
    pieces: list[Piece], code: ErrorCode
) -> None:
    tape = Tape()
    body = await passed(*pieces, tape=tape)
    assert body.startswith(SPOKEN[0] + SPOKEN[1])
    last = body.removeprefix(SPOKEN[0] + SPOKEN[1])
    assert orjson.loads(last.removeprefix(b"data: "))["error"]["code"] == code.value
    assert last.endswith(b"}\n\n")
    assert b"[DONE]" not in body
    told = tape.event
    assert (told.outcome, told.error_code, told.http_status) == (Outcome.FAILED, code, 200)
    assert told.usage_source is UsageSource.ESTIMATED
    assert told.quota > 100


async def test_a_stream_cut_before_any_content_costs_nothing() -> None:
    tape = Tape()
    await passed(SPOKEN[0], ErrorCode.UPSTREAM_CUT, tape=tape)
    assert (tape.event.quota, tape.event.usage_source) == (0, UsageSource.NONE)
    assert tape.settled == [0]


async def test_an_upstreams_own_error_event_is_passed_once() -> None:
    tape = Tape()
    error = event(error={"message": "overloaded"})
    assert await passed(SPOKEN[1], error, tape=tape) == SPOKEN[1] + error
    told = (tape.event.outcome, tape.event.error_code)
    assert told == (Outcome.FAILED, ErrorCode.UPSTREAM_SERVER_ERROR)


async def test_a_client_that_leaves_is_charged_what_the_upstream_reports() -> None:
    tape = Tape()
    more = [piece for _ in range(40) for piece in (0.01, delta(content="more"))]
    answer = FakeAnswer(SPOKEN[1], *more, usage_chunk(5, 900), DONE)
    async with relayed(answer, tape) as (reader, writer):
        await head(reader)
        await chunk(reader)
        writer.transport.abort()
        await until(lambda: bool(tape.records))
    told = tape.event
    assert told.client_disconnected
    assert (told.outcome, told.usage.completion_tokens) == (Outcome.SUCCEEDED, 900)
    assert told.quota == 5 + 2 * 900
    assert answer.is_released


async def test_a_client_that_leaves_is_charged_an_estimate_where_the_rest_takes_too_long() -> None:
    tape = Tape()
    answer = FakeAnswer(SPOKEN[1], 0.05, SPOKEN[2], 0.05, SPOKEN[3], 60.0, DONE)
    async with relayed(answer, tape, drain_s=0.2) as (reader, writer):
        await head(reader)
        writer.transport.abort()
        await until(lambda: bool(tape.records))
    told = tape.event
    assert told.client_disconnected
    assert told.usage_source is UsageSource.ESTIMATED
    assert told.quota > 100
    assert answer.is_aborted


async def test_a_client_that_leaves_while_a_model_reasons_is_charged_for_it() -> None:
    tape = Tape()
    silence = [piece for _ in range(40) for piece in (0.01, b": keep-alive\n\n")]
    answer = FakeAnswer(SPOKEN[0], *silence, delta(content="so"), usage_chunk(5, 900), DONE)
    async with relayed(answer, tape, drain_s=0.1) as (reader, writer):
        await head(reader)
        writer.transport.abort()
        await until(lambda: bool(tape.records))
    told = tape.event
    assert (told.client_disconnected, told.usage_source) == (True, UsageSource.PROVIDER)
    assert told.quota == 5 + 2 * 900


async def test_a_model_that_reasons_too_long_for_a_client_that_left_is_given_up() -> None:
    tape = Tape()
    silence = [piece for _ in range(40) for piece in (0.01, b": keep-alive\n\n")]
    answer = FakeAnswer(SPOKEN[0], *silence, 60.0, DONE)
    async with relayed(answer, tape, drain_before_content_s=0.1) as (reader, writer):
        await head(reader)
        writer.transport.abort()
        await until(lambda: bool(tape.records))
    assert tape.event.usage_source is UsageSource.ESTIMATED
    assert answer.is_aborted


async def test_a_stop_ends_what_is_read_for_a_client_that_left() -> None:
    tape = Tape()
    beats = [piece for _ in range(40) for piece in (0.01, b": keep-alive\n\n")]
    answer = FakeAnswer(SPOKEN[0], *beats, 60.0, DONE)
    async with relayed(answer, tape, drain_before_content_s=60.0) as (reader, writer):
        await head(reader)
        writer.transport.abort()
        await until(lambda: answer.pieces_left == 1)
        assert not tape.records
    told = (tape.event.client_disconnected, tape.event.error_code)
    assert told == (True, ErrorCode.SHUTTING_DOWN)
    assert answer.is_aborted


async def test_a_client_that_takes_nothing_is_given_up() -> None:
    tape = Tape()
    flood = [delta(content="x" * 100_000) for _ in range(300)]
    answer = FakeAnswer(*flood, usage_chunk(5, 9), DONE)
    async with relayed(answer, tape, client_idle_s=0.2) as (reader, _):
        await head(reader)
        await until(lambda: bool(tape.records))
    told = tape.event
    assert told.client_disconnected
    assert told.usage.completion_tokens == 9
    assert told.response_bytes < 30_000_000


async def test_a_sync_that_fails_cuts_the_stream_and_puts_no_other_answer_into_it() -> None:
    async def durable() -> None:
        raise OSError("broken disk")

    async with relayed(FakeAnswer(*WHOLE), Tape(), durable=durable) as (reader, _):
        with suppress(ConnectionError):
            assert b"500 Internal" not in await reader.read()
        assert reader.at_eof() or reader.exception() is not None


async def test_a_broken_disk_keeps_the_end_from_the_client() -> None:
    tape = Tape(fails=True)
    async with relayed(FakeAnswer(*WHOLE), tape) as (reader, _):
        await head(reader)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await chunks(reader)
    assert tape.settled == []

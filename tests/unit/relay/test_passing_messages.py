"""A message on its way to the client: charged before `message_stop`, and never faked whole."""

import asyncio
import json

import pytest

from services.relay.dialects.anthropic_messages import Messages
from shared.events.requests import ErrorCode, Outcome
from shared.events.usage import UsageSource
from tests.unit.relay.anthropic_streams import INPUT, SPOKEN, STOP, event, finish, start
from tests.unit.relay.fake_upstream import FakeAnswer, Piece
from tests.unit.relay.relayed import Tape, chunk, chunks, head, relayed

DELTA = finish({"output_tokens": 42})
SAID = b"".join([*SPOKEN, DELTA])
# Plain, read and written at a ratio of 1, and 42 of output at 2.
COST = 11 + 7 + 8 + 84


async def streamed(*pieces: Piece, tape: Tape) -> bytes:
    async with relayed(FakeAnswer(*pieces), tape, call=Messages()) as (reader, _):
        await head(reader)
        return await chunks(reader)


async def test_a_whole_stream_is_passed_and_charged_by_its_usage() -> None:
    tape = Tape()
    assert await streamed(*SPOKEN, DELTA, STOP, tape=tape) == SAID + STOP
    told = tape.event
    assert (told.outcome, told.error_code) == (Outcome.SUCCEEDED, None)
    assert (told.quota, told.usage_source) == (COST, UsageSource.PROVIDER)


async def test_the_stop_waits_for_the_charge_to_be_safe() -> None:
    tape, safe = Tape(), asyncio.Event()

    async def durable() -> None:
        assert len(tape.records) == 1, "the charge is not written yet"
        await safe.wait()

    answer = FakeAnswer(*SPOKEN, DELTA, STOP)
    async with relayed(answer, tape, call=Messages(), durable=durable) as (reader, _):
        await head(reader)
        seen = b""
        while seen != SAID:
            seen += await chunk(reader)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        safe.set()
        assert await chunks(reader) == STOP


@pytest.mark.parametrize("cut", [[], [ErrorCode.UPSTREAM_CUT], [ErrorCode.UPSTREAM_TIMEOUT]])
async def test_a_stream_that_is_cut_ends_with_the_dialects_error(cut: list[Piece]) -> None:
    """Its input was told, and is charged; of its output an estimate is."""
    tape = Tape()
    body = await streamed(*SPOKEN, *cut, tape=tape)
    assert body.startswith(b"".join(SPOKEN) + b"event: error\n")
    assert STOP not in body
    last = json.loads(body.rpartition(b"data: ")[2])
    assert (last["type"], last["error"]["type"]) == ("error", "api_error")
    told = tape.event
    assert told.outcome is Outcome.FAILED
    assert told.usage_source is UsageSource.ESTIMATED
    assert (told.usage.prompt_tokens, told.usage.cached_tokens) == (11, 7)
    assert told.usage.completion_tokens > 0


async def test_a_stream_that_is_cut_before_it_said_anything_costs_nothing() -> None:
    tape = Tape()
    await streamed(start(INPUT), tape=tape)
    assert (tape.event.outcome, tape.event.quota) == (Outcome.FAILED, 0)


async def test_the_providers_own_error_is_passed_and_no_other_put_behind_it() -> None:
    tape = Tape()
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    assert await streamed(*SPOKEN, error, tape=tape) == b"".join(SPOKEN) + error
    told = tape.event
    assert (told.outcome, told.error_code) == (Outcome.FAILED, ErrorCode.UPSTREAM_SERVER_ERROR)


async def test_a_stream_without_its_stop_gets_none_made_up() -> None:
    tape = Tape()
    assert await streamed(*SPOKEN, DELTA, tape=tape) == SAID
    assert (tape.event.outcome, tape.event.quota) == (Outcome.SUCCEEDED, COST)

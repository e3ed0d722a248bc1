"""Bodies handed on as they arrive: step by step, without a network."""

import asyncio
import gzip
from collections.abc import Callable

import pytest

from services.relay.http1.answer import MAX_BUFFERED_BYTES, Http1Answer
from services.relay.http1.decoding import MAX_PIECE_BYTES
from shared.events.requests import ErrorCode
from tests.unit.relay.http1.hearing import Hearing

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Line:
    """What an answer has of its connection."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def finish(self, *, is_reusable: bool) -> None:
        self.told.append("reusable" if is_reusable else "closed")


async def begun(*received: bytes) -> tuple[Http1Answer, Line]:
    line = Line()
    answer = Http1Answer(line, asyncio.get_running_loop())
    for data in received:
        answer.received(data)
    return answer, line


async def heard(*received: bytes) -> tuple[Http1Answer, Line, Hearing]:
    """Passed on after its head has come."""
    answer, line = await begun(HEAD)
    hearing = Hearing()
    answer.pass_to(hearing)
    for data in received:
        answer.received(data)
    return answer, line, hearing


async def test_what_one_read_brings_is_one_piece() -> None:
    """The client is written to once for each read, not once for each chunk."""
    _, _, hearing = await heard(chunk(b"a") + chunk(b"b") + chunk(b"c"), chunk(b"d") + END)
    assert hearing.pieces == [b"abc", b"d"]
    assert hearing.end == "ended"


async def test_what_is_there_is_handed_over_inside_the_call() -> None:
    answer, _ = await begun(HEAD + chunk(b"a"), chunk(b"b") + END)
    hearing = Hearing()
    answer.pass_to(hearing)
    assert (hearing.pieces, hearing.end) == ([b"ab"], "ended")


async def test_a_failure_that_is_there_is_handed_over_after_what_came() -> None:
    answer, _ = await begun(HEAD + chunk(b"a"), b"zz\r\n")
    hearing = Hearing()
    answer.pass_to(hearing)
    assert (hearing.pieces, hearing.end) == ([b"a"], ErrorCode.UPSTREAM_CUT)


@pytest.mark.parametrize("taken", [0, 1])
async def test_some_is_pulled_and_the_rest_passed_on(taken: int) -> None:
    answer, _ = await begun(HEAD + chunk(b"a"))
    first = [await answer.next_chunk() for _ in range(taken)]
    hearing = Hearing()
    answer.pass_to(hearing)
    answer.received(chunk(b"b") + END)
    assert b"".join(first) + hearing.body == b"ab"
    assert hearing.end == "ended"


async def test_a_connection_too_full_to_be_read_is_read_again_when_it_is_passed_on() -> None:
    answer, line = await begun(HEAD, chunk(bytes(MAX_BUFFERED_BYTES)))
    assert line.told == ["pause"]
    hearing = Hearing()
    answer.pass_to(hearing)
    assert line.told == ["pause", "resume"]
    assert len(hearing.body) == MAX_BUFFERED_BYTES


async def test_while_it_pauses_nothing_is_passed_on_and_the_connection_is_not_read() -> None:
    answer, line, hearing = await heard(chunk(b"a"))
    answer.pause()
    answer.pause()
    assert line.told == ["pause"]
    # What was under way already.
    answer.received(chunk(b"b"))
    answer.received(END)
    assert (hearing.pieces, hearing.end) == ([b"a"], None)
    answer.resume()
    answer.resume()
    assert line.told == ["pause", "resume"]
    assert (hearing.body, hearing.end) == (b"ab", "ended")
    answer.release()
    assert line.told[-1] == "reusable"


async def test_a_failure_waits_for_the_pause_to_end_and_comes_after_what_is_held() -> None:
    answer, _, hearing = await heard()
    answer.pause()
    answer.received(chunk(b"a"))
    answer.lost(is_clean=True)
    assert (hearing.pieces, hearing.end) == ([], None)
    answer.resume()
    assert (hearing.pieces, hearing.end) == ([b"a"], ErrorCode.UPSTREAM_CUT)


async def test_paused_before_it_is_passed_on_it_hands_nothing_over() -> None:
    answer, _ = await begun(HEAD + chunk(b"a") + END)
    answer.pause()
    hearing = Hearing()
    answer.pass_to(hearing)
    assert (hearing.pieces, hearing.end) == ([], None)
    answer.resume()
    assert (hearing.pieces, hearing.end) == ([b"a"], "ended")


@pytest.mark.parametrize("head", [HEAD, PACKED])
async def test_a_sink_may_pause_within_the_call_that_tells_it(head: bytes) -> None:
    body = bytes(MAX_PIECE_BYTES * 5 // 2)
    packed = gzip.compress(body) if head is PACKED else body
    answer, line = await begun(head)
    hearing = Hearing(on_piece=answer.pause)
    answer.pass_to(hearing)
    answer.received(chunk(packed) + END)
    pieces = 3 if head is PACKED else 1
    for number in range(1, pieces + 1):
        assert (len(hearing.pieces), hearing.end) == (number, None)
        assert line.told[-1] == "pause"
        answer.resume()
    assert (hearing.body, hearing.end) == (body, "ended")


async def test_a_sink_may_pause_and_resume_within_the_call_that_tells_it() -> None:
    def turn() -> None:
        answer.pause()
        answer.resume()

    answer, line = await begun(PACKED)
    hearing = Hearing(on_piece=turn)
    answer.pass_to(hearing)
    body = bytes(MAX_PIECE_BYTES * 3)
    answer.received(chunk(gzip.compress(body)) + END)
    assert (hearing.body, hearing.end, hearing.faults) == (body, "ended", [])
    assert line.told.count("pause") == line.told.count("resume")


@pytest.mark.parametrize("way", ["abort", "release"])
@pytest.mark.parametrize("head", [HEAD, PACKED])
async def test_a_sink_that_gives_up_within_the_call_is_told_nothing_more(
    head: bytes, way: str
) -> None:
    answer, line = await begun(head)
    give_up: Callable[[], None] = answer.abort if way == "abort" else answer.release
    hearing = Hearing(on_piece=give_up)
    answer.pass_to(hearing)
    body = bytes(MAX_PIECE_BYTES * 3)
    answer.received(chunk(gzip.compress(body) if head is PACKED else body))
    answer.received(chunk(b"more") + END)
    answer.lost(is_clean=True)
    answer.resume()
    assert (len(hearing.pieces), hearing.end, hearing.faults) == (1, None, [])
    assert line.told[-1] == "closed"


async def test_given_up_while_it_pauses_it_tells_nothing() -> None:
    answer, line, hearing = await heard(chunk(b"a"))
    answer.pause()
    answer.received(chunk(b"b"))
    answer.abort()
    answer.resume()
    assert (hearing.pieces, hearing.end) == ([b"a"], None)
    assert line.told == ["pause", "closed"]


@pytest.mark.parametrize("bad", [b"not gzip at all", gzip.compress(b"hello")[:-9]])
async def test_a_body_that_cannot_be_decoded_is_malformed(bad: bytes) -> None:
    answer, line = await begun(PACKED)
    hearing = Hearing()
    answer.pass_to(hearing)
    answer.received(chunk(bad) + END)
    assert hearing.end is ErrorCode.UPSTREAM_MALFORMED
    assert hearing.faults == []
    assert line.told == ["closed"]


async def test_a_small_body_that_decodes_to_a_large_one_lets_others_have_their_turn() -> None:
    """What nobody pauses would be decoded in one go, and stop every other stream meanwhile."""
    body = bytes(64 * 1024 * 1024)
    answer, line = await begun(PACKED)
    hearing = Hearing()
    answer.pass_to(hearing)
    answer.received(chunk(gzip.compress(body)) + END)
    assert 0 < len(hearing.body) <= 4 * MAX_PIECE_BYTES
    assert line.told == ["pause"]
    assert await hearing.over() == (body, "ended")
    assert line.told[-1] == "resume"

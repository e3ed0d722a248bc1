"""Following an Anthropic stream: what is passed, what is held back, what is told of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.relay.dialects.anthropic_stream import AnthropicStreamReader
from services.relay.dialects.dialect import AnswerTooLargeError
from shared.events.usage import Usage
from tests.unit.relay.anthropic_streams import (
    CONTENT_BYTES,
    INPUT,
    SPOKEN,
    STOP,
    block,
    delta,
    event,
    finish,
    start,
)
from tests.unit.relay.splitting import assert_same_when_cut, assert_same_when_cut_anywhere

COMMENT = b": keep-alive\n\n"
WHOLE = b"".join([COMMENT, *SPOKEN[:4], COMMENT, *SPOKEN[4:], finish({"output_tokens": 42}), STOP])
TOLD_INPUT = Usage(
    prompt_tokens=11,
    cached_tokens=7,
    cache_creation_tokens=8,
    cache_creation_1h_tokens=3,
    prompt_includes_cached=False,
)
ESCAPES = 16
"""What JSON adds to the text; it is counted, since events are not read one by one."""
USAGE = TOLD_INPUT.model_copy(update={"completion_tokens": 42})


def follow(stream: bytes) -> tuple[bytes, AnthropicStreamReader]:
    reader = AnthropicStreamReader()
    return reader.feed(stream), reader


STREAMS = {
    "lines": WHOLE,
    "crlf": WHOLE.replace(b"\n", b"\r\n"),
    "carriage returns": WHOLE.replace(b"\n", b"\r"),
    "an error": b"".join([*SPOKEN[:8], event("error", error={"type": "overloaded_error"})]),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_split_at_any_byte_is_the_same_stream(name: str) -> None:
    assert_same_when_cut_anywhere(STREAMS[name], AnthropicStreamReader)


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=12).map(sorted))
@settings(max_examples=200)
def test_a_stream_split_at_many_bytes_is_the_same_stream(cuts: list[int]) -> None:
    assert_same_when_cut(WHOLE, cuts, AnthropicStreamReader)


@pytest.mark.parametrize("name", ["lines", "crlf", "carriage returns"])
def test_the_end_is_held_back_and_all_before_it_passes_as_it_came(name: str) -> None:
    passed, reader = follow(STREAMS[name])
    assert passed + reader.ending() == STREAMS[name]
    assert b"message_stop" in reader.ending()
    assert (reader.is_ended, reader.is_whole, reader.has_error) == (True, True, False)
    assert reader.usage == USAGE
    assert CONTENT_BYTES <= reader.content_bytes < CONTENT_BYTES + ESCAPES


def test_nothing_passes_after_the_end() -> None:
    passed, reader = follow(WHOLE + SPOKEN[0] + STOP)
    assert passed + reader.ending() == WHOLE


def test_the_first_tokens_output_is_no_usage_yet() -> None:
    """A stream that is cut would be charged for one token of output."""
    _, reader = follow(b"".join(SPOKEN))
    assert (reader.usage, reader.told_input) == (None, TOLD_INPUT)
    assert CONTENT_BYTES <= reader.content_bytes < CONTENT_BYTES + ESCAPES
    assert not reader.is_whole


def test_a_later_figure_replaces_an_earlier_one_and_what_is_not_told_again_stands() -> None:
    first = finish({"output_tokens": 5}, reason=None)
    last = finish({"output_tokens": 9, "input_tokens": 13, "cache_read_input_tokens": None})
    _, reader = follow(start(INPUT) + first)
    assert reader.usage == TOLD_INPUT.model_copy(update={"completion_tokens": 5})
    assert not reader.is_whole
    reader.feed(last)
    assert reader.usage == TOLD_INPUT.model_copy(
        update={"completion_tokens": 9, "prompt_tokens": 13}
    )
    assert reader.is_whole


def test_all_usage_may_stand_in_the_last_event() -> None:
    _, reader = follow(start() + finish(INPUT | {"output_tokens": 42}) + STOP)
    assert reader.usage == USAGE


@pytest.mark.parametrize(
    "usage", [None, {"input_tokens": 4}, {"output_tokens": -1}, {"output_tokens": 10**18}]
)
def test_usage_that_cannot_be_is_none(usage: dict[str, int] | None) -> None:
    _, reader = follow(start(INPUT) + finish(usage) + STOP)
    assert reader.usage is None
    assert reader.is_whole


def test_a_real_zero_stays_zero() -> None:
    _, reader = follow(start(INPUT) + finish({"output_tokens": 0}) + STOP)
    assert reader.usage == TOLD_INPUT


def test_an_error_is_passed_on_and_told() -> None:
    stream = STREAMS["an error"]
    passed, reader = follow(stream)
    assert passed == stream
    assert (reader.has_error, reader.is_whole, reader.ending()) == (True, False, b"")


def test_an_event_without_a_name_goes_by_its_type() -> None:
    unnamed = [part.split(b"\n", 1)[1] for part in (start(INPUT), finish({"output_tokens": 42}))]
    _, reader = follow(b"".join([*unnamed, STOP.split(b"\n", 1)[1]]))
    assert (reader.usage, reader.is_ended) == (USAGE, True)


def test_what_is_not_known_passes_through() -> None:
    strange = [
        event("novel_event"),
        b"event: ping\n\n",
        b"data: no json\n\n",
        b"event: content_block_delta\ndata: [1]\n\n",
        b"event: message_start\ndata: {}\n\n",
        b"event: message_delta\ndata: nonsense\n\n",
        b"id: 1\nretry: 5\n\n",
    ]
    passed, reader = follow(b"".join(strange))
    assert passed == b"".join(strange)
    assert (reader.usage, reader.content_bytes, reader.is_whole) == (None, 0, False)


def test_content_is_counted_block_by_block() -> None:
    stream = [block("text"), delta("text", "a" * 100), delta("text", "b")]
    stream += [block("tool_use", 1), delta("input_json", "{}", 1), delta("input_json", "cd", 1)]
    assert follow(b"".join(stream))[1].content_bytes == 105


def test_an_event_without_an_end_is_too_large_at_some_length() -> None:
    reader = AnthropicStreamReader()
    with pytest.raises(AnswerTooLargeError):
        reader.feed(b"event: x\ndata: " + b"x" * 5_000_000)

"""Following a stream: what is passed, what is held back, what is told of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.relay.dialects.dialect import AnswerTooLargeError
from services.relay.dialects.openai_stream import OpenAIStreamReader
from shared.events.usage import Usage
from tests.unit.relay.splitting import assert_same_when_cut, assert_same_when_cut_anywhere
from tests.unit.relay.streams import DONE, SPOKEN, call, delta, event, usage_chunk

USAGE = Usage(prompt_tokens=5, completion_tokens=7)
COMMENT = b": keep-alive\n\n"
WHOLE = b"".join([COMMENT, *SPOKEN[:3], COMMENT, *SPOKEN[3:], usage_chunk(), DONE])


def follow(stream: bytes, *, passes_usage: bool = False) -> tuple[bytes, OpenAIStreamReader]:
    reader = OpenAIStreamReader(passes_usage=passes_usage)
    return reader.feed(stream), reader


STREAMS = {
    "lines": WHOLE,
    "crlf": WHOLE.replace(b"\n", b"\r\n"),
    "carriage returns": WHOLE.replace(b"\n", b"\r"),
    "an error": b"".join([*SPOKEN[:2], event(error={"message": "no"})]),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("passes_usage", [True, False])
def test_a_stream_split_at_any_byte_is_the_same_stream(name: str, passes_usage: bool) -> None:
    assert_same_when_cut_anywhere(
        STREAMS[name], lambda: OpenAIStreamReader(passes_usage=passes_usage)
    )


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=12).map(sorted))
@settings(max_examples=200)
def test_a_stream_split_at_many_bytes_is_the_same_stream(cuts: list[int]) -> None:
    assert_same_when_cut(WHOLE, cuts, lambda: OpenAIStreamReader(passes_usage=False))


@pytest.mark.parametrize("name", ["lines", "crlf", "carriage returns"])
def test_the_end_is_held_back_and_all_before_it_passes_as_it_came(name: str) -> None:
    stream = STREAMS[name]
    passed, reader = follow(stream, passes_usage=True)
    assert passed + reader.ending() == stream
    assert b"[DONE]" in reader.ending()
    assert reader.usage == USAGE
    assert reader.is_whole


def test_a_usage_chunk_that_was_not_asked_for_is_taken_out() -> None:
    passed, reader = follow(WHOLE)
    assert passed + reader.ending() == WHOLE.replace(usage_chunk(), b"")
    assert reader.usage == USAGE


def test_usage_beside_an_answer_stays() -> None:
    last = event(
        choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}],
        usage={"prompt_tokens": 5, "completion_tokens": 7},
    )
    passed, reader = follow(last + DONE)
    assert passed == last
    assert reader.usage == USAGE


def test_usage_that_grows_with_the_stream_ends_on_the_last() -> None:
    _, reader = follow(usage_chunk(5, 1) + usage_chunk(5, 7) + DONE)
    assert reader.usage == USAGE


def test_usage_that_cannot_be_does_not_replace_one_that_can() -> None:
    _, reader = follow(usage_chunk(5, 7) + usage_chunk(5, -7) + DONE)
    assert reader.usage == USAGE
    _, reader = follow(usage_chunk(-5, 7) + DONE)
    assert reader.usage is None


def test_an_answer_that_speaks_of_usage_and_errors_is_content() -> None:
    said = (
        '"usage":{"prompt_tokens":9,"completion_tokens":9} "error": {"message":"x"}\ndata: [DONE]'
    )
    stream = delta(content=said) + delta(content='\n\ndata: {"error":{"message":"x"}}\n\n')
    passed, reader = follow(stream)
    assert passed == stream
    assert reader.usage is None
    assert not reader.has_error
    assert not reader.is_ended


@pytest.mark.parametrize(
    "error",
    [
        event(error={"message": "overloaded", "code": 529}),
        b'event: error\ndata: {"error":{"message":"overloaded"}}\n\n',
        event(choices=[{"delta": {"content": ""}, "finish_reason": "error"}], error={"code": 502}),
        b'data: {"error":"overloaded"}\r\n\r\n',
    ],
)
def test_an_error_inside_of_the_stream_is_seen_and_passed_on(error: bytes) -> None:
    passed, reader = follow(delta(content="Hel") + error)
    assert passed == delta(content="Hel") + error
    assert reader.has_error


def test_an_error_that_is_null_is_none() -> None:
    passed, reader = follow(event(choices=[], error=None))
    assert passed
    assert not reader.has_error


def test_what_comes_after_the_end_is_not_passed_on() -> None:
    junk = delta(content="more") + usage_chunk(90, 90) + event(error={"message": "late"}) + DONE
    passed, reader = follow(SPOKEN[1] + DONE)
    later = reader.feed(junk) + reader.feed(junk)
    assert (passed + later, reader.ending()) == (SPOKEN[1], DONE)
    assert reader.usage is None
    assert not reader.has_error


@pytest.mark.parametrize(
    ("stream", "is_whole"),
    [
        (b"", False),
        (COMMENT, False),
        (delta(content="Hel"), False),
        (delta(content="Hel") + delta(finish="stop"), True),
        (delta(content="Hel") + delta(finish="length") + COMMENT, True),
        (delta(0, finish="stop") + delta(1, content="and"), False),
        (delta(content='"finish_reason":"stop"'), False),
        (delta(content="Hel") + usage_chunk(), True),
        (DONE, True),
        (b"data:[DONE]\n\n", True),
        (delta(content="Hel") + delta(finish="stop")[:-1], False),
    ],
)
def test_whether_a_stream_without_more_can_be_all_of_it(stream: bytes, is_whole: bool) -> None:
    _, reader = follow(stream)
    assert reader.is_whole is is_whole


def test_without_an_end_none_is_made_up() -> None:
    passed, reader = follow(b"".join(SPOKEN))
    assert passed == b"".join(SPOKEN)
    assert reader.ending() == b""


def test_the_answers_own_bytes_are_counted() -> None:
    words = ["one", "twenty-two", "3", "and a longer piece of text", "x"]
    stream = b"".join(
        [delta(role="assistant", content=""), COMMENT, *(delta(content=w) for w in words)]
    )
    _, reader = follow(stream)
    assert reader.content_bytes == len("".join(words))


def test_the_arguments_of_tool_calls_are_counted() -> None:
    """They come in events without `content`; the first of each call has more around it."""
    pieces = ['{"ci', 'ty": "Par', 'is"}']
    stream = call("", name="get_weather") + b"".join(map(call, pieces))
    second = call("", name="get_time", index=1) + call('{"zone":1}', index=1)
    _, reader = follow(stream)
    escaped = sum(len(piece.replace('"', '\\"')) for piece in pieces)
    said = len("get_weather") + len("".join(pieces))
    assert said <= reader.content_bytes <= len("get_weather") + escaped
    before = reader.content_bytes
    assert reader.feed(second) == second
    assert reader.content_bytes >= before + len('get_time{"zone":1}')


def test_several_data_lines_of_one_event_are_one_value() -> None:
    parts = (
        b'data: {"choices":[],\n'
        b'data: "usage":{"prompt_tokens":5,\n'
        b'data: "completion_tokens":7}}\n\n'
    )
    _, reader = follow(parts + DONE)
    assert reader.usage == USAGE


@pytest.mark.parametrize(
    "junk",
    [b"data: {\n\n", b"data: []\n\n", b"data: 7\n\n", b"data\n\n", b"\n\n", b"data: \xff\n\n"],
)
def test_an_event_that_cannot_be_read_passes(junk: bytes) -> None:
    passed, reader = follow(junk + b'data: {"usage":{\n\n' + SPOKEN[1])
    assert passed.startswith(junk)
    assert passed.endswith(SPOKEN[1])
    assert reader.usage is None


def test_an_event_without_an_end_is_given_up() -> None:
    """Memory for one stream is bounded, whatever the upstream sends."""
    reader = OpenAIStreamReader(passes_usage=False)
    block = b"x" * 1024 * 1024
    for _ in range(4):
        assert reader.feed(block) == b""
    with pytest.raises(AnswerTooLargeError):
        reader.feed(block)


def test_nothing_of_a_long_stream_is_kept() -> None:
    reader = OpenAIStreamReader(passes_usage=False)
    for number in range(5_000):
        chunk = delta(content=f"piece {number} " + "x" * 100)
        assert reader.feed(chunk) == chunk
    kept = [value for name in dir(reader) if isinstance(value := getattr(reader, name), bytes)]
    assert sum(map(len, kept)) < 1_000

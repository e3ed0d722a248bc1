"""Following a stream of `/v1/responses`: what is passed, what is held back, what is told of it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.relay.dialects.dialect import AnswerTooLargeError
from services.relay.dialects.openai_responses_stream import OPENAI_RESPONSES, ResponsesStreamReader
from services.relay.errors import RelayError
from shared.events.requests import ErrorCode
from shared.events.usage import Usage
from tests.unit.relay.response_streams import BEGUN, SPOKEN, delta, end, event
from tests.unit.relay.splitting import (
    assert_same_when_cut,
    assert_same_when_cut_anywhere,
    told,
)

USAGE = Usage(prompt_tokens=5, completion_tokens=7)
COMMENT = b": keep-alive\n\n"
WHOLE = b"".join([COMMENT, *SPOKEN[:3], COMMENT, *SPOKEN[3:], end()])
STREAMS = {
    "lines": WHOLE,
    "crlf": WHOLE.replace(b"\n", b"\r\n"),
    "carriage returns": WHOLE.replace(b"\n", b"\r"),
    "an error": b"".join([*SPOKEN[:3], event("error", message="no", code="server_error")]),
    "failed": b"".join([*SPOKEN[:3], end("failed", None)]),
}


def follow(stream: bytes) -> tuple[bytes, ResponsesStreamReader]:
    reader = ResponsesStreamReader()
    return reader.feed(stream), reader


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_split_at_any_byte_is_the_same_stream(name: str) -> None:
    assert_same_when_cut_anywhere(STREAMS[name], ResponsesStreamReader)


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=12).map(sorted))
@settings(max_examples=200)
def test_a_stream_split_at_many_bytes_is_the_same_stream(cuts: list[int]) -> None:
    assert_same_when_cut(WHOLE, cuts, ResponsesStreamReader)


@pytest.mark.parametrize("name", ["lines", "crlf", "carriage returns"])
def test_the_end_is_held_back_and_all_before_it_passes_as_it_came(name: str) -> None:
    stream = STREAMS[name]
    passed, reader = follow(stream)
    assert passed + reader.ending() == stream
    assert b"event: response.completed" in reader.ending()
    assert b"event: response.completed" not in passed
    assert reader.usage == USAGE
    assert reader.is_whole
    assert not reader.has_error


@pytest.mark.parametrize("kind", ["completed", "incomplete", "failed"])
def test_each_end_ends_and_only_one_is_an_error(kind: str) -> None:
    passed, reader = follow(SPOKEN[2] + end(kind) + delta("more") + end("completed", (9, 9)))
    assert (passed, reader.ending()) == (SPOKEN[2], end(kind))
    assert reader.usage == USAGE
    assert reader.has_error is (kind == "failed")


def test_the_type_is_what_the_data_says_where_the_event_has_no_name() -> None:
    nameless = end().partition(b"\n")[2]
    passed, reader = follow(SPOKEN[2] + nameless)
    assert (passed, reader.ending()) == (SPOKEN[2], nameless)


def test_what_a_client_put_into_its_tools_ends_nothing() -> None:
    passed, reader = follow(BEGUN + delta("x"))
    assert passed == BEGUN + delta("x")
    assert told(reader) == (None, None, 1, False, False, False, b"")


@pytest.mark.parametrize(
    "error",
    [
        event("error", message="no", code="server_error", param=None),
        event("error", error={"message": "no"}),
        b'data: {"error":{"message":"no"}}\n\n',
        b'event: error\r\ndata: {"type": "error", "message": "no"}\r\n\r\n',
    ],
)
def test_an_error_inside_of_the_stream_is_seen_and_passed_on(error: bytes) -> None:
    passed, reader = follow(delta("Hel") + error)
    assert passed == delta("Hel") + error
    assert reader.has_error
    assert not reader.is_whole


@pytest.mark.parametrize("usage", [None, (-5, 7), (5, None), (10**18, 1)])
def test_usage_that_cannot_be_is_none(usage: Any) -> None:
    _, reader = follow(delta("Hel") + end("completed", usage))
    assert reader.usage is None
    assert reader.is_whole
    assert reader.content_bytes == 3


def test_without_its_last_event_no_response_is_whole() -> None:
    passed, reader = follow(b"".join(SPOKEN))
    assert passed == b"".join(SPOKEN)
    assert not reader.is_whole
    assert reader.ending() == b""


def test_the_answers_own_bytes_are_counted() -> None:
    _, reader = follow(WHOLE)
    spoken = ["Hello", ' said "type": "response.completed" \n\n data: [DONE] wörld', '{"a":']
    assert reader.content_bytes == sum(len(text.encode()) for text in spoken)


@pytest.mark.parametrize(
    "junk",
    [
        b'data: {"type":"error"\n\n',
        b'data: ["error"]\n\n',
        b'data: {"type":["response.completed"]}\n\n',
        b'data: {"type":{"response.failed":1}}\n\n',
        b"data\n\n",
        b"\n\n",
        b"data: \xff\n\n",
    ],
)
def test_an_event_that_cannot_be_read_passes(junk: bytes) -> None:
    passed, reader = follow(junk + delta("x"))
    assert passed == junk + delta("x")
    assert not reader.has_error


def test_an_event_without_an_end_is_given_up() -> None:
    reader = ResponsesStreamReader()
    block = b"x" * (8 * 1024 * 1024)
    assert reader.feed(block) + reader.feed(block) == b""
    with pytest.raises(AnswerTooLargeError):
        reader.feed(block)


def test_our_own_error_is_the_dialects_event_and_one_that_sdks_raise_on() -> None:
    error = RelayError(ErrorCode.UPSTREAM_CUT, 502, "Cut off.")
    sent = OPENAI_RESPONSES.error_event(error, "r-1")
    passed, reader = follow(sent)
    assert passed == sent
    assert reader.has_error
    data = json.loads(sent.partition(b"data: ")[2])
    assert data["type"] == "error"
    assert data["message"] == data["error"]["message"] == "Cut off. (request id: r-1)"
    assert data["code"] == "upstream_cut"

"""A load generator that misreads answers would measure something else."""

import asyncio
from typing import Any

import pytest

from operations.bench.connection import Answer, Connection
from operations.bench.traffic import (
    ANSWER_BYTES,
    EVENTS_PER_STREAM,
    plain_answer,
    stream_chunks,
    stream_head,
)


class Sent(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_aborted = False

    def write(self, data: Any) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.is_aborted = True


def _connected(*, is_stream: bool) -> tuple[Connection, Sent, list[Answer]]:
    answers: list[Answer] = []
    connection = Connection(
        b"request",
        on_answer=lambda _, answer: answers.append(answer),
        is_stream=is_stream,
        keeps_id=True,
    )
    transport = Sent()
    connection.connection_made(transport)
    connection.send(0.0)
    return connection, transport, answers


def _stream() -> bytes:
    return stream_head() + b"".join(stream_chunks())


def test_an_answer_has_the_size_that_the_figures_are_told_for() -> None:
    assert len(plain_answer().partition(b"\r\n\r\n")[2]) == ANSWER_BYTES
    assert _stream().count(b"data: ") == EVENTS_PER_STREAM


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_answer_is_whole_at_its_last_byte_wherever_it_is_split(*, is_stream: bool) -> None:
    raw = _stream() if is_stream else plain_answer()
    for size in (1, 2, 3, 5, 7, 64, len(raw)):
        connection, _, answers = _connected(is_stream=is_stream)
        for at in range(0, len(raw), size):
            assert not answers
            connection.data_received(raw[at : at + size])
        assert len(answers) == 1
        connection.require_right()
        assert connection.events == (EVENTS_PER_STREAM if is_stream else 0)


def test_the_next_answer_counts_anew() -> None:
    connection, transport, answers = _connected(is_stream=True)
    connection.data_received(_stream())
    connection.send(1.0)
    connection.data_received(_stream())
    assert [answer.sent_at for answer in answers] == [0.0, 1.0]
    assert transport.written == [b"request", b"request"]


def test_the_gateways_request_id_is_kept() -> None:
    connection, _, answers = _connected(is_stream=False)
    connection.data_received(
        plain_answer().replace(b"Content-Type", b"X-Request-Id: 0199-ab\r\nContent-Type")
    )
    assert answers[0].request_id == "0199-ab"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
        plain_answer() + b"!",
        stream_head() + b"".join(stream_chunks()[1:]),
    ],
    ids=["refused", "too long", "an event short"],
)
def test_an_answer_that_is_not_right_stops_the_run(raw: bytes) -> None:
    connection, transport, answers = _connected(is_stream=b"chunked" in raw)
    connection.data_received(raw)
    with pytest.raises(RuntimeError):
        connection.require_right()
    assert transport.is_aborted
    assert not answers

"""Responses cut anywhere, and those that must not be believed."""

import itertools

import pytest

from services.relay.http1.response_parser import (
    MAX_QUIET_BYTES,
    MalformedError,
    ResponseParser,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n"
    b'5;name="a;b"\r\nhello\r\n6;x=1\r\n world\r\n0;last\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n'
)
WELL_FORMED: dict[str, tuple[bytes, int, bytes]] = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
    "empty": (b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", 400, b""),
    "chunked": (CHUNKED, 200, b"hello world"),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: 1\r\n\r\n%b"
        % b"HTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok",
        201,
        b"ok",
    ),
    "204": (b"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", 204, b""),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", 204, b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, b"x"),
}


def parsed(*pieces: bytes) -> ResponseParser:
    parser = ResponseParser()
    for piece in pieces:
        parser.feed(piece)
    return parser


def check(parser: ResponseParser, status: int, body: bytes) -> None:
    assert parser.is_complete
    assert parser.is_reusable
    assert (parser.status, b"".join(parser.pieces)) == (status, body)


@pytest.mark.parametrize("name", WELL_FORMED)
def test_cut_in_two_at_every_byte(name: str) -> None:
    raw, status, body = WELL_FORMED[name]
    for at in range(len(raw) + 1):
        first, second = raw[:at], raw[at:]
        check(parsed(*filter(None, (first, second))), status, body)


@pytest.mark.parametrize("name", WELL_FORMED)
def test_cut_in_three_anywhere(name: str) -> None:
    raw, status, body = WELL_FORMED[name]
    for one, two in itertools.combinations(range(1, len(raw)), 2):
        check(parsed(raw[:one], raw[one:two], raw[two:]), status, body)


@pytest.mark.parametrize("name", WELL_FORMED)
def test_byte_by_byte_it_is_complete_with_its_last_byte_and_not_before(name: str) -> None:
    raw, status, body = WELL_FORMED[name]
    parser = ResponseParser()
    for index in range(len(raw)):
        assert not parser.is_complete
        parser.feed(raw[index : index + 1])
    check(parser, status, body)


def test_headers_of_interim_responses_and_trailers_are_not_the_answers() -> None:
    assert parsed(WELL_FORMED["interim"][0]).headers == {b"content-length": b"2"}
    assert set(parsed(CHUNKED).headers) == {b"transfer-encoding", b"content-type"}


MALFORMED: dict[str, bytes] = {
    "not http": b"SSH-2.0-OpenSSH\r\n",
    "length and chunked": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "an endless length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "codings": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "coded twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
    "chunked twice": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
    ),
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a NUL": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
    "another version": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a bare upgrade": b"HTTP/1.1 101 Switching\r\n\r\n",
    "a large header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_QUIET_BYTES + b"\r\n\r\n",
    "an unfinished header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_QUIET_BYTES,
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * MAX_QUIET_BYTES + b"\r\n",
    "interim ones without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
}


def refused(raw: bytes, step: int) -> ResponseParser:
    parser = ResponseParser()
    try:
        for at in range(0, len(raw), step):
            parser.feed(raw[at : at + step])
    except MalformedError:
        return parser
    raise AssertionError("it was not refused")


@pytest.mark.parametrize("step", [1, 1000, 10_000_000])
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_heads_are_refused_however_they_are_cut(name: str, step: int) -> None:
    assert not refused(MALFORMED[name], step).is_complete


CHUNK_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("step", [1, 1000, 10_000_000])
@pytest.mark.parametrize(
    "body",
    [
        b"0x2\r\nab\r\n",
        b"2 \r\nab\r\n",
        b"-2\r\nab\r\n",
        b"2\nab\r\n",
        b"2\r\nabX0\r\n\r\n",
        b"2\r\nab\n0\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b"2;" + b"x" * MAX_QUIET_BYTES * 2,
        b"0\r\nX: " + b"x" * MAX_QUIET_BYTES * 2,
        b"0\r\n" + b"X: xxxxx\r\n" * 20_000,
    ],
)
def test_malformed_bodies_are_refused(body: bytes, step: int) -> None:
    assert refused(CHUNK_HEAD + body, step).is_head_complete


def test_what_came_before_the_fault_is_kept() -> None:
    assert refused(CHUNK_HEAD + b"2\r\nab\r\nX\r\n", 10_000).pieces == [b"ab"]


@pytest.mark.parametrize(
    "junk",
    [
        b"H",
        b"\x00",
        b"junk",
        WELL_FORMED["length"][0],
        CHUNKED,
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n" * 9,
        b"\r\nH",
    ],
)
@pytest.mark.parametrize("name", WELL_FORMED)
def test_junk_after_the_end_is_not_read_and_ends_the_connection(name: str, junk: bytes) -> None:
    """A second answer inside the first must reach neither this client nor the next one."""
    raw, status, body = WELL_FORMED[name]
    for pieces in ((raw + junk,), (raw, junk), (raw[:-1], raw[-1:] + junk)):
        parser = parsed(*pieces)
        assert (parser.status, b"".join(parser.pieces)) == (status, body)
        assert parser.is_complete
        assert not parser.is_reusable


@pytest.mark.parametrize(
    ("raw", "is_complete"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nabc", True),
        (b"HTTP/1.0 200 OK\r\n\r\nabc", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", False),
        (CHUNK_HEAD + b"3\r\nabc\r\n", False),
        (CHUNK_HEAD + b"3\r\nabc\r\n0\r\n", False),
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", False),
        (b"", False),
    ],
)
def test_a_close_is_an_end_only_without_another_framing(raw: bytes, is_complete: bool) -> None:
    parser = parsed(*filter(None, [raw]))
    assert not parser.is_complete
    assert parser.feed_eof() is is_complete
    assert not parser.is_reusable


@pytest.mark.parametrize(
    ("raw", "is_reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", False),
        (b"HTTP/1.1 200 OK\r\nConnection: Close, X\r\nContent-Length: 1\r\n\r\na", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", True),
    ],
)
def test_whether_another_request_may_follow(raw: bytes, is_reusable: bool) -> None:
    parser = parsed(raw)
    assert parser.is_complete
    assert parser.is_reusable is is_reusable

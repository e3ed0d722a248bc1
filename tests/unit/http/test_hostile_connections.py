"""What a connection may do to the server: every byte of these came over a real socket."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from shared.http.serving import served

HEAD_S = 0.3
KEEP_S = 0.8
Talk = Callable[[bytes], Awaitable[bytes]]


async def slowly(request: web.Request) -> web.Response:
    """Takes longer than a head may."""
    await asyncio.sleep(HEAD_S * 2)
    return web.Response(text=f"read {len(await request.read())}")


async def at_once(request: web.Request) -> web.Response:
    return web.Response(text=f"read {len(await request.read())}")


@asynccontextmanager
async def server(unused_port: int) -> AsyncIterator[int]:
    app = web.Application(client_max_size=1024 * 1024)
    app.router.add_post("/slow", slowly)
    app.router.add_post("/", at_once)
    async with served(app, host="127.0.0.1", port=unused_port, keep_alive_s=KEEP_S, head_s=HEAD_S):
        yield unused_port


@pytest.fixture
async def port(unused_tcp_port: int) -> AsyncIterator[int]:
    async with server(unused_tcp_port) as opened:
        yield opened


async def said(port: int, *parts: bytes, pause_s: float = 0.0) -> tuple[bytes, float]:
    """Everything that the server says until it closes, and after how long."""
    started = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(5):
            listening = asyncio.create_task(_whole(reader))
            for part in parts:
                writer.write(part)
                await asyncio.wait([listening], timeout=pause_s)
                if listening.done():
                    break
            return await listening, time.monotonic() - started
    finally:
        writer.close()


async def _whole(reader: asyncio.StreamReader) -> bytes:
    """All until the end, which may be a reset where the server was still being told things."""
    heard = b""
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            heard += part
    return heard


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body_of(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/json" in head
    told: dict[str, object] = json.loads(body)
    return told


async def test_a_head_that_never_ends_is_told_so_and_closed(port: int) -> None:
    answer, took_s = await said(port, b"POST / HTTP/1.1\r\nHost: x\r\nX-A: ")
    assert status_of(answer) == 408
    assert body_of(answer)["success"] is False
    assert HEAD_S <= took_s < KEEP_S


async def test_many_heads_at_once_that_never_end_are_all_told_so(port: int) -> None:
    """Some of their bytes come before the server's task for the connection has begun."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-A: "
    answers = await asyncio.gather(*(said(port, head) for _ in range(100)))
    assert {status_of(answer) for answer, _ in answers} == {408}


async def test_a_head_that_comes_byte_by_byte_gets_no_more_time(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 200
    answer, took_s = await said(port, *(head[i : i + 1] for i in range(len(head))), pause_s=0.02)
    assert status_of(answer) == 408
    assert took_s < KEEP_S


async def test_a_connection_that_says_nothing_is_closed_in_the_end(port: int) -> None:
    answer, took_s = await said(port)
    assert answer == b""
    assert KEEP_S * 0.9 <= took_s < KEEP_S * 3


async def test_a_request_that_takes_longer_than_a_head_may_is_served(port: int) -> None:
    """In parts: the head in two, the body in two, and a handler that takes its time."""
    parts = (
        b"POST /slow HTTP/1.1\r\nHost: x\r\nConn",
        b"ection: close\r\nContent-Length: 4\r\n\r\n",
        b"ab",
        b"cd",
    )
    answer, _ = await said(port, *parts, pause_s=HEAD_S / 4)
    assert status_of(answer) == 200
    assert answer.endswith(b"read 4")


async def test_a_slow_body_is_not_taken_for_a_slow_head(port: int) -> None:
    parts = (b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\n",)
    answer, took_s = await said(port, *parts, b"a", b"b", b"c", pause_s=HEAD_S / 2)
    assert answer.endswith(b"read 3")
    assert took_s > HEAD_S


async def test_the_second_head_of_a_connection_has_its_time_too(port: int) -> None:
    whole = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    answer, _ = await said(port, whole, b"POST / HT", pause_s=0.1)
    assert status_of(answer) == 200
    assert b"HTTP/1.1 408 " in answer


async def test_a_second_head_has_its_own_time_though_the_first_was_slow(port: int) -> None:
    parts = (b"POST / HTTP/1.1\r\nHo", b"st: x\r\nContent-Length: 0\r\n\r\n", b"POST / HT")
    answer, took_s = await said(port, *parts, pause_s=HEAD_S / 3)
    assert status_of(answer) == 200
    assert b"HTTP/1.1 408 " in answer
    assert HEAD_S < took_s < KEEP_S + HEAD_S


SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Content-Length: 4\r\nTransfer-Encoding: chunked", id="both-lengths"),
        pytest.param(b"Content-Length: 4\r\nContent-Length: 5", id="two-lengths"),
        pytest.param(b"Content-Length: +4", id="signed-length"),
        pytest.param(b"Content-Length: 4, 4", id="list-of-lengths"),
        pytest.param(b"Content-Length: 0x4", id="hexadecimal-length"),
        pytest.param(b"Transfer-Encoding: chunked, identity", id="chunked-not-last"),
        pytest.param(b"Transfer-Encoding: xchunked", id="unknown-coding"),
        pytest.param(b"Transfer-Encoding : chunked", id="space-before-the-colon"),
        pytest.param(b"X: a\r\n folded: b\r\nContent-Length: 4", id="folded"),
        pytest.param(b"X: a\nContent-Length: 4", id="bare-line-feed"),
        pytest.param(b"X: a\x00b\r\nContent-Length: 4", id="nul"),
        pytest.param(b"X\x01: a\r\nContent-Length: 4", id="control-in-a-name"),
    ],
)
async def test_a_request_that_two_programs_could_read_in_two_ways_is_refused(
    port: int, head: bytes
) -> None:
    """And what stands behind it is never taken for a request of its own."""
    request = b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n0\r\n\r\n" + SMUGGLED
    answer, _ = await said(port, request)
    assert status_of(answer) == 400, answer[:200]
    assert answer.count(b"HTTP/1.") == 1
    assert body_of(answer) == {
        "success": False,
        "message": "The request is not well-formed HTTP.",
    }


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS on a plain port
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\nsecret words here\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_without_repeating_it(
    port: int, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer, _ = await said(port, request_bytes)
    assert status_of(answer) == 400, answer[:200]
    assert b"secret words" not in answer
    assert not caplog.records


@pytest.mark.parametrize("name", ["X-Long", "Authorization", "Cookie"])
async def test_a_header_that_is_too_long_is_431(port: int, name: str) -> None:
    request = f"POST / HTTP/1.1\r\nHost: x\r\n{name}: ".encode() + b"a" * 100_000 + b"\r\n\r\n"
    answer, _ = await said(port, request)
    assert status_of(answer) == 431, answer[:200]
    assert "too long" in str(body_of(answer)["message"])


async def test_too_many_headers_are_refused(port: int) -> None:
    many = b"".join(b"X-%d: a\r\n" % number for number in range(5_000))
    answer, _ = await said(port, b"POST / HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n")
    assert status_of(answer) in {400, 431}, answer[:200]


async def test_a_body_that_unpacks_to_more_than_is_allowed_is_refused(port: int) -> None:

    bomb = gzip.compress(b"\0" * (64 * 1024 * 1024))
    head = (
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: %d\r\n\r\n" % len(bomb)
    )
    answer, _ = await said(port, head + bomb)
    assert status_of(answer) == 413, answer[:200]

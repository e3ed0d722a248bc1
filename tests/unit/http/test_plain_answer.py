"""A plain answer is on the wire what `web.Response` would have sent, but for the server's name."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE

from shared.http.connection import SERVER
from shared.http.plain_answer import PlainAnswer
from shared.http.serving import served
from tests.unit.http.bodies import ASK, Handle, connected, said, whole

FIELDS = (
    ("Content-Type", "application/json"),
    ("x-request-id", "0190"),
    ("X-A", "1"),
    ("X-A", "ü"),
)
GO_ON = ASK.replace(b"Connection: close\r\n", b"")
BODIES = (b'{"a":1}', b"", b"\r\n\r\nHTTP/1.1 200 OK\r\n", b"x" * 300_000)
ASKS = {
    "get": GO_ON + ASK,
    "close": ASK,
    "head": GO_ON.replace(b"GET", b"HEAD") + ASK,
    "head-close": ASK.replace(b"GET", b"HEAD"),
    "1.0": GO_ON.replace(b"1.1", b"1.0"),
    "1.0-keep": GO_ON.replace(b"1.1\r\n", b"1.0\r\nConnection: keep-alive\r\n") + ASK,
    "1.0-head": GO_ON.replace(b"GET", b"HEAD").replace(b"1.1", b"1.0"),
    "options": GO_ON.replace(b"GET /", b"OPTIONS /") + ASK,
    "pipelined": GO_ON * 5 + ASK,
}


def plain(status: int, body: bytes) -> Handle:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return PlainAnswer(status, body, FIELDS)

    return handle


def full(status: int, body: bytes) -> Handle:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=[*FIELDS])

    return handle


@pytest.mark.parametrize("asks", ASKS.values(), ids=ASKS)
@pytest.mark.parametrize("body", BODIES, ids=["json", "empty", "like-a-head", "large"])
@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 429, 500, 503, 529])
async def test_it_is_what_a_full_answer_is(
    unused_tcp_port: int, status: int, body: bytes, asks: bytes
) -> None:
    got = await said(unused_tcp_port, plain(status, body), asks=asks)
    wanted = await said(unused_tcp_port, full(status, body), asks=asks)
    assert got == wanted.replace(SERVER_SOFTWARE.encode(), SERVER.encode())
    assert got.count(b"HTTP/1.") >= asks.count(b"HTTP/1.")


async def test_pipelined_answers_come_in_order(unused_tcp_port: int) -> None:
    """Also between answers that aiohttp writes, and after one that took its time."""

    async def handle(request: web.Request) -> web.StreamResponse:
        number = int(request.path[1:])
        await asyncio.sleep(0.02 if number == 0 else 0)
        body = b"<%d>" % number
        return web.Response(body=body) if number % 2 else PlainAnswer(200, body, FIELDS)

    asks = b"".join(GO_ON.replace(b"/", b"/%d" % number, 1) for number in range(5))
    raw = await said(unused_tcp_port, handle, asks=asks + ASK.replace(b"/", b"/5", 1))
    places = [raw.index(b"<%d>" % number) for number in range(6)]
    assert places == sorted(places)


async def test_it_can_close_the_connection(unused_tcp_port: int) -> None:
    async def handle(_request: web.Request) -> web.StreamResponse:
        answer = PlainAnswer(200, b"bye", FIELDS)
        answer.force_close()
        return answer

    raw = await said(unused_tcp_port, handle, asks=GO_ON + GO_ON)
    assert raw.count(b"HTTP/1.1 200") == 1
    assert b"\r\nConnection: close\r\n" in raw


@pytest.mark.parametrize("bad", ["a\r\nX-B: 1", "a\n", "a\rb", "a\0b", "\x7f", "\ud800"])
@pytest.mark.parametrize("is_name", [False, True])
def test_a_header_that_would_begin_another_is_refused(bad: str, *, is_name: bool) -> None:
    field = (bad, "x") if is_name else ("X-A", bad)
    with pytest.raises(ValueError, match="control characters"):
        PlainAnswer(200, b"", (field,))


def test_it_tells_what_it_is() -> None:
    answer = PlainAnswer(429, b"x", FIELDS)
    assert (answer.status, answer.reason, answer.body) == (429, "Too Many Requests", b"x")
    assert (answer.fields, answer.body_length) == (FIELDS, 1)
    assert (answer.prepared, answer.keep_alive) == (False, None)
    with pytest.raises(TypeError):
        _ = answer.headers


async def test_a_client_that_takes_nothing_is_dropped(unused_tcp_port: int) -> None:
    """One that goes on taking a little has as long as it needs."""

    async def handle(_request: web.Request) -> web.StreamResponse:
        return PlainAnswer(200, b"x" * 20_000_000, FIELDS)

    app = web.Application()
    app.router.add_get("/", handle)
    async with served(app, host="127.0.0.1", port=unused_tcp_port, client_idle_s=0.3):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        slow_reader, slow_writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(GO_ON)
        slow_writer.write(ASK)
        slowly = b""
        async with asyncio.timeout(20):
            while len(slowly) < 15_000_000:  # in about a second
                slowly += await slow_reader.read(1_000_000)
                await asyncio.sleep(0.02)
            rest = await whole(slow_reader)
            cut = await whole(reader)
        writer.close()
        slow_writer.close()
    assert len(slowly + rest) > 20_000_000
    assert len(cut) < 20_000_000


async def test_a_client_that_left_is_not_written_to(unused_tcp_port: int) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        asked.set()
        async with asyncio.timeout(5):
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(0.005)
        answer = PlainAnswer(200, b"late", FIELDS)
        await answer.prepare(request)
        with pytest.raises(ConnectionError):
            await answer.write_eof()
        seen.set()
        return answer

    asked, seen = asyncio.Event(), asyncio.Event()
    async with connected(unused_tcp_port, handle, asks=GO_ON) as (_, writer), asyncio.timeout(5):
        await asked.wait()
        writer.transport.abort()
        await seen.wait()

"""A body written past aiohttp is on the wire what aiohttp would have written.

A new version of aiohttp that keeps the head back, frames by itself or forgets what is paused must
break one of these.
"""

import asyncio
from collections.abc import Callable, Sequence

import pytest
import uvloop
from aiohttp import web

from shared.http.buffered_body import BufferedBody
from shared.http.connection import HIGH_WATER_BYTES, SERVER
from shared.http.raw_body import RawBody, StreamBody, begin_body
from tests.unit.http.bodies import ASK, Handle, connected, said, whole

PIECES = (b"data: one\n\n", b"x" * 70_000, b"", b"\r\n0\r\n\r\n", b"y", bytes(range(256)) * 17)
LENGTH = sum(map(len, PIECES))
GO_ON = ASK.replace(b"Connection: close\r\n", b"")
_Make = Callable[[], web.StreamResponse]


def chunked(status: int = 200) -> web.StreamResponse:
    return web.StreamResponse(status=status, headers={"Content-Type": "text/event-stream"})


def of_length(length: int = LENGTH) -> web.StreamResponse:
    return web.StreamResponse(headers={"Content-Length": str(length)})


def packed() -> web.StreamResponse:
    response = chunked()
    response.enable_compression(web.ContentCoding.gzip)
    return response


def through_aiohttp(make: _Make, pieces: Sequence[bytes] = PIECES) -> Handle:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = make()
        response.headers["Server"] = SERVER
        await response.prepare(request)
        for piece in pieces[:-1]:
            await response.write(piece)
        await response.write_eof(pieces[-1])
        return response

    return handle


class Through:
    """A handler that writes pieces through a body, and what became of it."""

    def __init__(self, make: _Make, pieces: Sequence[bytes] = PIECES) -> None:
        self._make = make
        self._pieces = pieces
        self.bodies: list[StreamBody] = []
        self.ended: list[bool] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        response = self._make()
        body = await begin_body(request, response)
        self.bodies.append(body)
        for piece in self._pieces[:-1]:
            if body.is_full:
                await body.room(5)
            body.write(piece)
        self.ended.append(await body.end(self._pieces[-1], 5))
        return response


@pytest.mark.parametrize("make", [chunked, of_length])
async def test_it_is_byte_for_byte_what_aiohttp_writes(unused_tcp_port: int, make: _Make) -> None:
    through = Through(make)
    raw = await said(unused_tcp_port, through)
    assert isinstance(through.bodies[0], RawBody)
    assert through.ended == [True]
    assert raw == await said(unused_tcp_port, through_aiohttp(make))


@pytest.mark.parametrize("make", [chunked, of_length])
def test_it_is_the_same_on_the_loop_of_the_services(unused_tcp_port: int, make: _Make) -> None:
    """Whose transports write when the loop comes round, not at once."""

    async def both() -> tuple[bytes, bytes]:
        return (
            await said(unused_tcp_port, Through(make)),
            await said(unused_tcp_port, through_aiohttp(make)),
        )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as services:
        raw, wanted = services.run(both())
    assert raw == wanted


async def test_an_empty_last_part_is_a_proper_end_too(unused_tcp_port: int) -> None:
    pieces = (b"data: one\n\n", b"")
    raw = await said(unused_tcp_port, Through(chunked, pieces))
    assert raw.endswith(b"\r\n\r\nb\r\ndata: one\n\n\r\n0\r\n\r\n")
    assert raw == await said(unused_tcp_port, through_aiohttp(chunked, pieces))


@pytest.mark.parametrize(
    ("make", "asks"),
    [
        pytest.param(lambda: chunked(204), ASK, id="204"),
        pytest.param(lambda: chunked(304), ASK, id="304"),
        pytest.param(chunked, ASK.replace(b"GET", b"HEAD"), id="head"),
        pytest.param(of_length, ASK.replace(b"GET", b"HEAD"), id="head-with-length"),
    ],
)
async def test_an_answer_without_a_body_has_none(
    unused_tcp_port: int, make: _Make, asks: bytes
) -> None:
    """Also where the length that it tells is that of what was not sent."""
    through = Through(make)
    raw = await said(unused_tcp_port, through, asks=asks)
    assert isinstance(through.bodies[0], BufferedBody)
    assert raw.endswith(b"\r\n\r\n")
    assert raw.count(b"\r\n\r\n") == 1
    assert raw == await said(unused_tcp_port, through_aiohttp(make, (b"",)), asks=asks)


@pytest.mark.parametrize("make", [chunked, of_length])
@pytest.mark.parametrize("kept", [b"Connection: keep-alive\r\n", b""])
async def test_http_1_0_gets_the_body_as_it_is(
    unused_tcp_port: int, make: _Make, kept: bytes
) -> None:
    """Without a length it ends with the connection, which is not kept whatever was asked."""
    asks = b"GET / HTTP/1.0\r\nHost: x\r\n" + (kept if make is chunked else b"") + b"\r\n"
    through = Through(make)
    raw = await said(unused_tcp_port, through, asks=asks)
    assert isinstance(through.bodies[0], BufferedBody)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert body == b"".join(PIECES)
    assert b"chunked" not in head
    assert b"keep-alive" not in head


async def test_a_body_that_is_packed_goes_through_aiohttp(unused_tcp_port: int) -> None:
    asks = ASK.replace(b"\r\n\r\n", b"\r\nAccept-Encoding: gzip\r\n\r\n")
    through = Through(packed)
    raw = await said(unused_tcp_port, through, asks=asks)
    assert isinstance(through.bodies[0], BufferedBody)
    assert raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert raw == await said(unused_tcp_port, through_aiohttp(packed), asks=asks)


@pytest.mark.parametrize("asks", [GO_ON + ASK, ASK.replace(b"1.1", b"1.0")])
@pytest.mark.parametrize("length", [LENGTH - 1, LENGTH + 1, 5])
async def test_a_body_of_another_length_than_its_head_said_is_aborted(
    unused_tcp_port: int, asks: bytes, length: int
) -> None:
    """The client is short of bytes, or gets none of another answer: it sees it."""
    through = Through(lambda: of_length(length))
    raw = await said(unused_tcp_port, through, asks=asks)
    assert through.ended == [False]
    assert raw.count(b"HTTP/1.") <= 1
    assert len(raw.partition(b"\r\n\r\n")[2]) < length


async def test_the_head_and_each_part_are_sent_at_once(unused_tcp_port: int) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        body = await begin_body(request, response := chunked())
        for piece in (b"one", b"two"):
            await goes_on.wait()
            goes_on.clear()
            assert body.write(piece)
        await goes_on.wait()
        await body.end(b"three", 5)
        return response

    goes_on = asyncio.Event()
    async with connected(unused_tcp_port, handle) as (reader, _), asyncio.timeout(5):
        await reader.readuntil(b"\r\n\r\n")
        for framed in (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"5\r\nthree\r\n0\r\n\r\n"):
            goes_on.set()
            assert await reader.readexactly(len(framed)) == framed


async def test_a_connection_is_used_again_after_a_body(unused_tcp_port: int) -> None:
    raw = await said(unused_tcp_port, Through(chunked), asks=GO_ON + GO_ON + ASK)
    once = await said(unused_tcp_port, Through(chunked))
    assert raw.count(b"HTTP/1.1 200 OK") == 3
    assert raw.endswith(once)


async def test_an_aborted_body_has_no_proper_end(unused_tcp_port: int) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        body = await begin_body(request, response := chunked())
        body.write(b"one")
        body.abort()
        assert body.is_gone
        assert not body.write(b"two")
        assert not await body.end(b"", 5)
        return response

    raw = await said(unused_tcp_port, handle, asks=GO_ON + ASK)
    assert b"0\r\n\r\n" not in raw
    assert b"two" not in raw
    assert raw.count(b"HTTP/1.1") <= 1


class TestPaused:
    """A client that takes nothing for a while."""

    async def test_no_more_than_the_mark_and_a_part_is_held(self, unused_tcp_port: int) -> None:
        part = b"x" * 10_000

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await begin_body(request, response := chunked())
            assert request.transport is not None
            while sent[0] < 1_000:
                while not body.is_full and sent[0] < 1_000:
                    assert body.write(part)
                    sent[0] += 1
                held.append(request.transport.get_write_buffer_size())
                assert await body.room(5)
            await body.end(b"", 5)
            return response

        sent, held = [0], list[int]()
        async with connected(unused_tcp_port, handle) as (reader, _), asyncio.timeout(10):
            await reader.readuntil(b"\r\n\r\n")
            async with asyncio.timeout(5):
                while not held:
                    await asyncio.sleep(0.005)
            raw = await whole(reader)
        assert raw.count(b"2710\r\n" + part + b"\r\n") == 1_000
        assert raw.endswith(b"0\r\n\r\n")
        assert HIGH_WATER_BYTES < max(held) < HIGH_WATER_BYTES + 2 * len(part)

    @pytest.mark.parametrize("ends", [False, True])
    async def test_room_and_the_end_have_their_time(
        self, unused_tcp_port: int, *, ends: bool
    ) -> None:
        """Time and again: a wait that ran out of time does not spoil the next."""

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await begin_body(request, response := chunked())
            while not body.is_full:
                assert body.write(b"x" * 10_000)
            told.append(await body.room(0.02))
            told.append(await (body.end(b"", 0.02) if ends else body.room(0.02)))
            if not ends:
                body.abort()
            return response

        told: list[bool] = []
        async with connected(unused_tcp_port, handle) as (reader, _), asyncio.timeout(5):
            while len(told) < 2:
                await asyncio.sleep(0.005)
            assert told == [False, False]
            assert not (await whole(reader)).endswith(b"0\r\n\r\n")

    async def test_a_client_that_leaves_ends_the_wait(self, unused_tcp_port: int) -> None:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await begin_body(request, response := chunked())
            while not body.is_full:
                assert body.write(b"x" * 10_000)
            waits.set()
            told.set_result((await body.room(30), body.is_gone, body.write(b"more")))
            return response

        waits, told = asyncio.Event(), asyncio.get_running_loop().create_future()
        async with connected(unused_tcp_port, handle) as (_, writer), asyncio.timeout(5):
            await waits.wait()
            writer.transport.abort()
            assert await told == (False, True, False)

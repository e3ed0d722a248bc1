"""A slow reader slows its upstream, and holds a bounded number of bytes meanwhile."""

import asyncio
import gzip
import tracemalloc

import pytest

from services.relay.http1.answer import MAX_BUFFERED_BYTES, Http1Answer
from services.relay.upstreams.upstream import UpstreamAnswer
from tests.unit.relay.http1.raw_server import Asked, call, client, serving

SIZE = 100_000_000
PIECE = bytes(100_000)


def framed(kind: str) -> tuple[bytes, bytes, bytes]:
    if kind == "length":
        return b"Content-Length: %d" % SIZE, PIECE, b""
    if kind == "chunked":
        return b"Transfer-Encoding: chunked", b"186a0\r\n" + PIECE + b"\r\n", b"0\r\n\r\n"
    return b"X: until it closes", PIECE, b""


@pytest.mark.parametrize("kind", ["length", "chunked", "close"])
async def test_the_bytes_held_are_bounded(kind: str) -> None:
    header, piece, end = framed(kind)
    said = 0

    async def script(asked: Asked) -> None:
        nonlocal said
        await asked.request()
        await asked.say(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % header)
        for _ in range(SIZE // len(PIECE)):
            asked.writer.write(piece)
            await asked.writer.drain()
            said += len(PIECE)
        await asked.say(end)

    async with serving(script) as server, client(idle_s=0.3) as upstream:
        answer = await upstream.send(call(server.url))
        assert isinstance(answer, Http1Answer)
        read, largest = 0, 0
        # Longer than the peer may pause: it is not the peer that does.
        for _ in range(2):
            await asyncio.sleep(0.4)
            chunk = await answer.next_chunk()
            read, largest = read + len(chunk), max(largest, len(chunk))
            assert said - read < 20_000_000
        while chunk := await answer.next_chunk():
            read, largest = read + len(chunk), max(largest, len(chunk))
            await asyncio.sleep(0)
        answer.release()
    assert read == SIZE
    # What was there, and one more read from the socket.
    assert largest <= MAX_BUFFERED_BYTES * 2


async def test_a_small_body_that_decodes_to_a_large_one_is_held_in_pieces() -> None:
    raw = gzip.compress(bytes(SIZE))

    async def script(asked: Asked) -> None:
        await asked.request()
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        await asked.say(head % len(raw), raw)
        await asked.closed()

    async with serving(script) as server, client() as upstream:
        answer = await upstream.send(call(server.url))
        tracemalloc.start()
        try:
            size = await _drained(answer)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert size == SIZE
    assert peak < 5_000_000


async def _drained(answer: UpstreamAnswer) -> int:
    size = 0
    while chunk := await answer.next_chunk():
        size += len(chunk)
    answer.release()
    return size

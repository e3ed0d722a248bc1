"""A body is read whole, or refused: from what has come with its head, and from what comes later."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import orjson
import pytest
from aiohttp import web

from services.relay.request_body import body_at_hand, read_body
from shared.http.plain_answer import PlainAnswer
from tests.unit.http.bodies import whole
from tests.unit.relay.served_routes import served_routes

LIMIT = 1000
JSON = (("Content-Type", "application/json"),)


class Heard(NamedTuple):
    status: int
    was_at_hand: bool
    body: bytes


@asynccontextmanager
async def reading(*parts: bytes) -> AsyncIterator[Heard]:
    """What a server hears that is told `parts`, one after the other."""
    was_at_hand = False

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal was_at_hand
        was_at_hand = request.content.is_eof()
        body = body_at_hand(request)
        if body is None:
            goes_on.set()
            body = await read_body(request, timeout_s=0.3)
        return PlainAnswer(200, body, JSON)

    goes_on = asyncio.Event()
    async with served_routes([web.post("/", handle)], max_body_bytes=LIMIT) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in parts:
            writer.write(part)
            if part is not parts[-1]:
                async with asyncio.timeout(5):
                    await goes_on.wait()
        async with asyncio.timeout(15):
            status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])
            if status != 408:
                yield Heard(status, was_at_hand, await whole(reader))
            else:
                yield Heard(status, was_at_hand, await reader.readuntil(b"}"))
        writer.close()


def head(*fields: str) -> bytes:
    return "\r\n".join(
        ("POST / HTTP/1.1", "Host: x", "Connection: close", *fields, "", "")
    ).encode()


CHUNKS = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
PACKED = gzip.compress(b"abcde")


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((head("Content-Length: 5"), b"abcde"), id="length"),
        pytest.param((head("Transfer-Encoding: chunked"), CHUNKS), id="chunks"),
        pytest.param(
            (head("Content-Encoding: gzip", f"Content-Length: {len(PACKED)}"), PACKED), id="packed"
        ),
    ],
)
async def test_a_body_is_the_same_however_it_comes(parts: tuple[bytes, bytes]) -> None:
    async with reading(b"".join(parts)) as at_once:
        assert at_once == (200, True, b"abcde")
    async with reading(*parts) as later:
        assert later == (200, False, b"abcde")


async def test_no_body_is_an_empty_one() -> None:
    async with reading(head()) as heard:
        assert heard == (200, True, b"")


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
async def test_a_body_may_be_so_large_and_no_larger(size: int, status: int) -> None:
    body = b"x" * size
    parts = (head(f"Content-Length: {size}"), body)
    async with reading(b"".join(parts)) as at_once, reading(*parts) as later:
        assert at_once.status == later.status == status
    packed = gzip.compress(body)
    fields = head("Content-Encoding: gzip", f"Content-Length: {len(packed)}")
    async with reading(fields + packed) as unpacked:
        assert unpacked.status == status


async def test_what_cannot_be_unpacked_is_the_callers_fault() -> None:
    async with reading(head("Content-Encoding: gzip", "Content-Length: 5") + b"abcde") as heard:
        assert heard.status == 400


async def test_a_body_that_never_ends_is_told_so() -> None:
    async with reading(head("Content-Length: 5"), b"abc") as heard:
        assert heard.status == 408
        assert b"in time" in heard.body
        assert orjson.loads(heard.body + b"}")["error"]["code"] == "body_timeout"

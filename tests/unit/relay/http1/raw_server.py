"""A server that says what a test tells it, byte by byte, and notes what it was asked."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from services.relay.http1.client import Http1Upstream
from services.relay.http1.pool import Place
from services.relay.http1.target import target_of
from services.relay.upstreams.upstream import UpstreamAnswer, UpstreamCall, UpstreamFailure
from shared.events.requests import ErrorCode
from shared.http.egress import EgressPolicy

LOOPBACK = EgressPolicy(["127.0.0.0/8", "::1/128"])


@dataclass
class Asked:
    """The far end of one connection."""

    number: int
    """Of the connection, from 0."""
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: list[tuple[bytes, bytes]]

    async def request(self) -> bytes:
        """The body of the next request. Raises IncompleteReadError where none comes."""
        head = await self.head()
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await self.reader.readexactly(length)
        self.seen.append((head, body))
        return body

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def say(self, *pieces: bytes) -> None:
        """Each piece in a packet of its own, as far as a loopback has such."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def closed(self) -> None:
        """Until the other side has closed."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Close as a process does that is killed with bytes unread: RST, not FIN."""
        linger = struct.pack("ii", 1, 0)
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Script = Callable[[Asked], Awaitable[None]]


@dataclass
class RawServer:
    url: str = ""
    seen: list[tuple[bytes, bytes]] = field(default_factory=list)
    connections: int = 0
    open: int = 0


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Runs `script` for each connection, and closes it after."""
    found = RawServer()
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(cast("asyncio.Task[Any]", asyncio.current_task()))
        number, found.connections = found.connections, found.connections + 1
        found.open += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await script(Asked(number, reader, writer, found.seen))
        finally:
            found.open -= 1
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError, ssl.SSLError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    found.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def saying(*pieces: bytes, stays: bool = True) -> Script:
    """The same answer to every request; `stays` open after it, else closes."""

    async def script(asked: Asked) -> None:
        while True:
            await asked.request()
            await asked.say(*pieces)
            if not stays:
                return

    return script


@asynccontextmanager
async def client(**changes: Any) -> AsyncIterator[Http1Upstream]:
    settings: dict[str, Any] = {
        "policy": LOOPBACK,
        "tls": ssl.create_default_context(),
        "first_byte_s": 2.0,
        "idle_s": 2.0,
        "connect_s": 2.0,
        "max_connections": 8,
    }
    upstream = Http1Upstream(**{**settings, **changes})
    try:
        yield upstream
    finally:
        await upstream.close()


def call(
    url: str,
    body: bytes = b"{}",
    *,
    authorization: str = "Bearer k",
    accept: str = "*/*",
    traceparent: str = "00-1-2-01",
) -> UpstreamCall:
    return UpstreamCall(
        url=url,
        body=body,
        headers=(("Authorization", authorization),),
        accept=accept,
        traceparent=traceparent,
    )


def place(url: str, pool: int = 0) -> Place:
    return Place(pool, target_of(url).origin)


async def whole(answer: UpstreamAnswer) -> bytes:
    body = await answer.read(256 * 1024 * 1024)
    answer.release()
    return body


async def until_failure(answer: UpstreamAnswer) -> tuple[bytes, ErrorCode]:
    """What came before the failure, which must come."""
    came = b""
    try:
        while chunk := await answer.next_chunk():
            came += chunk
    except UpstreamFailure as failure:
        return came, failure.code
    raise AssertionError("it has not failed")


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not check():
            await asyncio.sleep(0.002)

"""A server whose one handler is the test's, and everything that it said on the wire."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from shared.http.serving import served

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
ASK = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_DATE = re.compile(rb"Date: [^\r]*")


@asynccontextmanager
async def connected(
    port: int, handle: Handle, *, asks: bytes = ASK
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client that has sent `asks` to a server on `port` whose every answer is `handle`'s."""

    async def serve(request: web.Request) -> web.StreamResponse:
        return await handle(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    async with served(app, host="127.0.0.1", port=port, shutdown_timeout_s=0.1):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asks)
        try:
            yield reader, writer
        finally:
            writer.close()


async def said(port: int, handle: Handle, *, asks: bytes = ASK) -> bytes:
    """Everything that came until the server closed; its date is not looked at."""
    async with connected(port, handle, asks=asks) as (reader, _), asyncio.timeout(5):
        return _DATE.sub(b"Date: then", await whole(reader))


async def whole(reader: asyncio.StreamReader) -> bytes:
    """All until the end or the reset."""
    heard = b""
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            heard += part
    return heard

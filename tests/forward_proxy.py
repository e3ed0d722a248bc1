"""An outgoing proxy, as a company has one: absolute URLs, CONNECT, and a password."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

USER, PASSWORD = "someone", "proxys-own-password"
_AUTHORIZATION = b"Proxy-Authorization: Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode())
_REFUSAL = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


class ForwardProxy:
    """Passes one request on for each connection; `passed` are their first lines."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.refused = 0
        self.port = 0

    def url(self, password: str = PASSWORD) -> str:
        """Its address, with credentials."""
        return f"http://{USER}:{password}@127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._pass(reader, writer)
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *fields = head[:-4].split(b"\r\n")
        if _AUTHORIZATION not in fields:
            self.refused += 1
            writer.write(_REFUSAL)
            return
        self.passed.append(first.decode())
        method, target, _ = first.split(b" ")
        url = urlsplit(target if method != b"CONNECT" else b"//" + target)
        upstream = await asyncio.open_connection((url.hostname or b"").decode(), url.port or 80)
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            kept = [f for f in fields if not f.lower().startswith((b"proxy-", b"connection:"))]
            lines = [b"%b %b HTTP/1.1" % (method, url.path), *kept, b"Connection: close"]
            upstream[1].write(b"\r\n".join(lines) + b"\r\n\r\n")
        await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def forward_proxy() -> AsyncIterator[ForwardProxy]:
    """A proxy that listens until the block ends."""
    proxy = ForwardProxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()

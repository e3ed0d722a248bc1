"""A proxy of a few lines: forwards what has an absolute URL, and tunnels what says CONNECT."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit


@dataclass
class ForwardProxy:
    url: str = ""
    heads: list[bytes] = field(default_factory=list)
    """What each connection said first."""
    refused: int = 0

    def url_for(self, credentials: str) -> str:
        """Its address, with `user:password`."""
        return self.url.replace("//", f"//{credentials}@")


@asynccontextmanager
async def proxying(*, refuses: bool = False, credentials: str = "") -> AsyncIterator[ForwardProxy]:
    """A proxy that listens until the block ends; with `user:password` only for who says them."""
    found = ForwardProxy()
    wanted = (
        b"Proxy-Authorization: Basic " + b64encode(credentials.encode()) if credentials else b""
    )
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(cast("asyncio.Task[Any]", asyncio.current_task()))
        onward: asyncio.StreamWriter | None = None
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                found.heads.append(head)
                if refuses or wanted not in head:
                    found.refused += 1
                    writer.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
                    return
                method, target = head.split(b" ")[:2]
                parts = urlsplit(b"//" + target if method == b"CONNECT" else target)
                host = (parts.hostname or b"").decode()
                back, onward = await asyncio.open_connection(host, parts.port)
                if method == b"CONNECT":
                    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                else:
                    onward.write(head)
                await asyncio.gather(_copied(reader, onward), _copied(back, writer))
        finally:
            for each in filter(None, (writer, onward)):
                each.close()
                with suppress(ConnectionError, asyncio.CancelledError):
                    await each.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copied(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        to.write(data)
        await to.drain()
    to.close()

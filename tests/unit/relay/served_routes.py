"""The relay's public port with a test's own routes, and the same without our own connections."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from services.relay.api.dispatcher import public_server
from services.relay.api.errors import malformed
from shared.http.serving import served


@asynccontextmanager
async def served_routes(
    routes: Sequence[web.RouteDef], *, max_body_bytes: int = 1024 * 1024
) -> AsyncIterator[int]:
    """Yields its port on the loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    public = public_server(routes, max_body_bytes=max_body_bytes)
    async with served(
        public, host="127.0.0.1", port=port, shutdown_timeout_s=0.1, refuse=malformed
    ):
        yield port


@asynccontextmanager
async def served_by_aiohttp(routes: Sequence[web.RouteDef]) -> AsyncIterator[int]:
    """The same over aiohttp's own connections: no body is written past aiohttp."""
    public = public_server(routes, max_body_bytes=1024 * 1024)
    runner = web.ServerRunner(public, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()

"""Small aiohttp applications on free ports of the loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served_app(app: web.Application) -> AsyncIterator[str]:
    """Yields the base URL."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def served_handler(handler: Serve) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    """Any method and path goes to `handler`; yields the base URL and a session to call it with."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with served_app(app) as url, aiohttp.ClientSession() as session:
        yield url, session

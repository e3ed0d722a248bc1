"""Opening a port for an aiohttp application, and closing it in order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def served(
    app: web.Application, *, host: str, port: int, shutdown_timeout_s: float = 5.0
) -> AsyncIterator[None]:
    """Serve `app` inside the block. At its end: no new connections, then wait for those there."""
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=shutdown_timeout_s
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, reuse_address=True).start()
        yield
    finally:
        await runner.cleanup()

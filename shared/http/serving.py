"""Opening a port for an aiohttp application or server, and closing it in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import orjson
from aiohttp import web

from shared.http.connection import GuardedConnection, Refuse

KEEP_ALIVE_S: Final = 75.0
"""How long a connection may wait for its next request: longer than load balancers keep theirs."""
HEAD_S: Final = 10.0
CLIENT_IDLE_S: Final = 60.0
"""How long a client may take nothing of an answer."""
_BACKLOG: Final = 1024


def envelope_refusal(_status: int, message: str) -> bytes:
    """The refusal of a request that is no HTTP, for callers of `/api`."""
    return orjson.dumps({"success": False, "message": message})


@asynccontextmanager
async def served(
    app: web.Application | web.Server,
    *,
    host: str,
    port: int,
    shutdown_timeout_s: float = 5.0,
    keep_alive_s: float = KEEP_ALIVE_S,
    head_s: float = HEAD_S,
    client_idle_s: float = CLIENT_IDLE_S,
    refuse: Refuse = envelope_refusal,
    reuse_port: bool = False,
) -> AsyncIterator[None]:
    """Serve `app` inside the block. At its end: no new connections, then wait for those there.

    With `reuse_port` other processes of the same user may listen on the port too.
    """
    runner: web.BaseRunner
    if isinstance(app, web.Server):
        runner = web.ServerRunner(app, shutdown_timeout=shutdown_timeout_s)
    else:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_timeout_s)
    await runner.setup()
    loop = asyncio.get_running_loop()
    manager = runner.server

    def connection() -> GuardedConnection:
        return GuardedConnection(
            manager,
            loop=loop,
            access_log=None,
            keepalive_timeout=keep_alive_s,
            head_s=head_s,
            client_idle_s=client_idle_s,
            refuse=refuse,
        )

    try:
        server = await loop.create_server(
            connection,
            host,
            port,
            reuse_address=True,
            reuse_port=reuse_port or None,
            backlog=_BACKLOG,
        )
        try:
            yield
        finally:
            server.close()
    finally:
        await runner.cleanup()

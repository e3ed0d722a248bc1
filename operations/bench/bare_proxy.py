"""What everything is held against: aiohttp's server and client, and a look at the key.

`BENCH_KEY=sk-… python -P -m operations.bench.bare_proxy --port N --upstream URL`
"""

import argparse
import os
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web


def bare_proxy(upstream: str, key: str) -> web.Application:
    """The thirty lines."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def relay(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {key}":
            return web.Response(status=401)
        headers = {"Authorization": "Bearer upstream", "Content-Type": "application/json"}
        async with session.post(
            upstream + request.path, data=await request.read(), headers=headers
        ) as answer:
            kind = {"Content-Type": answer.headers["Content-Type"]}
            if answer.content_length is not None:
                body = await answer.read()
                return web.Response(status=answer.status, body=body, headers=kind)
            response = web.StreamResponse(status=answer.status, headers=kind)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def closing(_app: web.Application) -> AsyncIterator[None]:
        yield
        await session.close()

    app = web.Application()
    app.cleanup_ctx.append(closing)
    app.router.add_post("/{path:.*}", relay)
    return app


async def _app(upstream: str) -> web.Application:
    return bare_proxy(upstream, os.environ["BENCH_KEY"])


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    arguments = parser.parse_args()
    loop = uvloop.new_event_loop()
    web.run_app(
        _app(arguments.upstream),
        host="127.0.0.1",
        port=arguments.port,
        access_log=None,
        print=None,
        loop=loop,
    )


if __name__ == "__main__":
    _main()

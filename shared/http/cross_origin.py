"""Cross-origin reading of the calls that other sites' pages make with a key."""

from collections.abc import Awaitable, Callable, Container
from typing import Final

from aiohttp import web

from shared.http.envelope import Handler

_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
    "Access-Control-Max-Age": "86400",
}


def cross_origin(paths: Container[str]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Middleware for these paths; put outermost, so that a page can read failures too.

    No credentials are allowed: a page can only use a key that it was given, never a session.
    """

    @web.middleware
    async def allow(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in paths:
            return await handler(request)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=_HEADERS)
        response = await handler(request)
        response.headers.update(_HEADERS)
        return response

    return allow

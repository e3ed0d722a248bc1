"""Cross-origin reading of the one call that other sites' pages make."""

from typing import Final

from aiohttp import web

from shared.http.envelope import Handler

TOKEN_PATH: Final = "/api/log/token"  # noqa: S105 - a path
_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
    "Access-Control-Max-Age": "86400",
}


@web.middleware
async def cross_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put outermost, so that a page can read failures too. Other paths are left alone."""
    if request.path != TOKEN_PATH:
        return await handler(request)
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=_HEADERS)
    response = await handler(request)
    response.headers.update(_HEADERS)
    return response

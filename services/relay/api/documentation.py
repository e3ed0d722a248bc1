"""`/openapi.json` and `/docs`: made by `python -P -m operations.openapi`, read at the start."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

DOCUMENT: Final = Path(__file__).with_name("openapi.json")
PAGE: Final = Path(__file__).with_name("openapi.html")
DOCUMENT_PATH: Final = "/openapi.json"
PAGE_PATH: Final = "/docs"
_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_ANY_ORIGIN: Final = {"Access-Control-Allow-Origin": "*"}
_HEADERS: Final = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
_PAGE_HEADERS: Final = {
    **_HEADERS,
    # It has no script, and loads nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


def documentation() -> tuple[_Handler, _Handler]:
    """The handlers of the document and of the page."""
    document, page = DOCUMENT.read_bytes(), PAGE.read_bytes()

    async def show_document(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(
            body=document, content_type="application/json", headers=_HEADERS | _ANY_ORIGIN
        )

    async def show_page(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(
            body=page, content_type="text/html", charset="utf-8", headers=_PAGE_HEADERS
        )

    return show_document, show_page

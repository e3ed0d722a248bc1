"""`GET /transparency/schema.json` and `GET /transparency`: for everyone, without a key."""

from typing import Final

from aiohttp import web

from services.logging.transparency.document import TransparencyDocument, document
from services.logging.transparency.gathering import Gathering
from services.logging.transparency.page import CONTENT_SECURITY_POLICY, page
from shared.http.envelope import EnvelopeError
from shared.service.clock import utc_now

PAGE_PATH: Final = "/transparency"
DOCUMENT_PATH: Final = "/transparency/schema.json"
_HEADERS: Final = {"Cache-Control": "public, max-age=60", "X-Content-Type-Options": "nosniff"}


class TransparencyApi:
    """What is stored, for programs and for people."""

    def __init__(self, gathering: Gathering, *, public_url: str) -> None:
        self._gathering = gathering
        self._source_url = public_url.rstrip("/") + DOCUMENT_PATH

    async def document(self, _request: web.Request) -> web.Response:
        """The document as JSON, for any site's page."""
        shown = await self._shown()
        return web.Response(
            text=shown.model_dump_json(),
            content_type="application/json",
            headers={**_HEADERS, "Access-Control-Allow-Origin": "*"},
        )

    async def page(self, _request: web.Request) -> web.Response:
        """The same as a page."""
        return web.Response(
            text=page(await self._shown(), document_path=DOCUMENT_PATH),
            content_type="text/html",
            headers={**_HEADERS, "Content-Security-Policy": CONTENT_SECURITY_POLICY},
        )

    async def _shown(self) -> TransparencyDocument:
        """Raises EnvelopeError 503 where not one service was ever reached."""
        parts = await self._gathering.parts()
        if all(part.schema is None for part in parts):
            raise EnvelopeError("the tables cannot be read right now", http_status=503)
        return document(parts, source_url=self._source_url, today=utc_now().date())

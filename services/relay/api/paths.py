"""Paths that two programs could read in two ways are refused before anything matches them."""

import re
from typing import Final

from aiohttp import web

from services.relay.errors import invalid_request
from shared.http.envelope import Handler

# An encoded slash, backslash, dot or NUL; a dot segment; an empty segment; a backslash.
_AMBIGUOUS: Final = re.compile(
    r"%2f|%5c|%2e|%00|\\|//|/\.{1,2}(?:/|$)|%(?![0-9a-f]{2})", re.IGNORECASE
)


def is_ambiguous(raw_path: str) -> bool:
    """Whether a request's target, as it came, can be read in two ways; its query aside."""
    return _AMBIGUOUS.search(raw_path.partition("?")[0]) is not None


@web.middleware
async def refuse_ambiguous_paths(request: web.Request, handler: Handler) -> web.StreamResponse:
    """400 in place of a guess."""
    if is_ambiguous(request.raw_path) or not request.raw_path.startswith("/"):
        raise invalid_request("The path is ambiguous.")
    return await handler(request)

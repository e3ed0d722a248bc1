"""Paths that two programs could read in two ways are refused before anything matches them."""

import re
from typing import Final

from aiohttp import web

from services.relay.errors import invalid_request

# An encoded slash, backslash, dot or NUL; a dot segment; an empty segment; a backslash.
_AMBIGUOUS: Final = re.compile(
    r"%2f|%5c|%2e|%00|\\|//|/\.{1,2}(?:/|$)|%(?![0-9a-f]{2})", re.IGNORECASE
)
# A model's name is the rest of its path, slashes included, and SDKs encode them. Nothing else is
# below it, and it goes nowhere else: both ways to read it are the same name.
_NAMES: Final = "/v1/models/"
_ENCODED_SLASH: Final = re.compile("%2f", re.IGNORECASE)


def is_ambiguous(raw_path: str) -> bool:
    """Whether a request's target, as it came, can be read in two ways; its query aside."""
    path = raw_path.partition("?")[0]
    if path.startswith(_NAMES):
        path = _ENCODED_SLASH.sub("_", path)
    return _AMBIGUOUS.search(path) is not None


def refuse_ambiguous_path(request: web.BaseRequest) -> None:
    """400 in place of a guess. Raises RelayError."""
    if is_ambiguous(request.raw_path) or not request.raw_path.startswith("/"):
        raise invalid_request("The path is ambiguous.")

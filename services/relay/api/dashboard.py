"""`[/v1]/dashboard/billing/*`: passed on like `/api/*`, but its callers expect OpenAI's errors."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from services.relay.api.door import Door
from services.relay.errors import RelayError
from shared.events.requests import ErrorCode
from shared.http.envelope import EnvelopeError

DASHBOARD: Final = ("/dashboard/billing", "/v1/dashboard/billing")
"""Once OpenAI's own: what tools ask of a key's limit and use."""
_CODES: Final = {
    401: ErrorCode.INVALID_API_KEY,
    403: ErrorCode.ADDRESS_NOT_ALLOWED,
    404: ErrorCode.NOT_FOUND,
    503: ErrorCode.CONTROL_UNREACHABLE,
}


def dashboard(door: Door) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """The handler."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await door.handle(request)
        except EnvelopeError as error:
            code = _CODES.get(error.http_status, ErrorCode.INTERNAL)
            raise RelayError(code, error.http_status, error.message) from None

    return handle

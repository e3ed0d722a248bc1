"""Reading a request's body: within its time and its size, and never to a file."""

import asyncio

from aiohttp import web

from services.relay.errors import RelayError, invalid_request
from shared.events.requests import ErrorCode


def body_at_hand(request: web.BaseRequest) -> bytes | None:
    """The whole body where it has come already, as most do with their head; else None.

    For a request that nothing was read of. Raises RelayError 400 or 413.
    """
    content = request.content
    if not content.is_eof():
        return None
    try:
        body = content.read_nowait()
    except web.RequestPayloadError:
        raise _malformed() from None
    if len(body) > request.client_max_size:
        raise _too_large()
    return body


async def read_body(request: web.BaseRequest, *, timeout_s: float) -> bytes:
    """The whole body. Raises RelayError 400, 408 or 413; a client that leaves ends the request."""
    body = body_at_hand(request)
    if body is not None:
        return body
    try:
        async with asyncio.timeout(timeout_s):
            return await request.read()
    except TimeoutError:
        raise RelayError(
            ErrorCode.BODY_TIMEOUT, 408, "The request's body did not arrive in time."
        ) from None
    except web.RequestPayloadError:
        raise _malformed() from None
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None


def _malformed() -> RelayError:
    return invalid_request("The request's body is not what its headers say.")


def _too_large() -> RelayError:
    return RelayError(ErrorCode.BODY_TOO_LARGE, 413, "The request's body is too large.")

"""Reading a request's body: within its time and its size, and never to a file."""

import asyncio

from aiohttp import web

from services.relay.errors import RelayError, invalid_request
from shared.events.requests import ErrorCode


async def read_body(request: web.Request, *, timeout_s: float) -> bytes:
    """The whole body. Raises RelayError 400, 408 or 413; a client that leaves ends the request."""
    try:
        if request.content.is_eof():
            return await request.read()
        async with asyncio.timeout(timeout_s):
            return await request.read()
    except TimeoutError:
        raise RelayError(
            ErrorCode.BODY_TIMEOUT, 408, "The request's body did not arrive in time."
        ) from None
    except web.RequestPayloadError:
        raise invalid_request("The request's body is not what its headers say.") from None
    except web.HTTPRequestEntityTooLarge:
        raise RelayError(
            ErrorCode.BODY_TOO_LARGE, 413, "The request's body is too large."
        ) from None

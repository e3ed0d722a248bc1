"""Middleware of a service's `/api` surface: no handler runs without a verified caller."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from aiohttp import web

from shared.http.assertions import (
    ASSERTION_HEADER,
    AssertionVerifier,
    Caller,
    InvalidAssertionError,
)
from shared.http.envelope import EnvelopeError, Handler

_CALLER: Final = web.RequestKey("caller", Caller)
NOT_SIGNED_IN: Final = "not signed in, or the session has ended"


class VerifierSource(Protocol):
    """Gives the verifier with control's present keys; see `shared.http.assertion_keys`."""

    async def verifier(self) -> AssertionVerifier:
        """Raises KeysUnavailableError where control cannot be asked."""


def authenticated(source: VerifierSource) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Verify the assertion where there is one. Handlers ask `caller_of` for who it is."""

    @web.middleware
    async def verify(request: web.Request, handler: Handler) -> web.StreamResponse:
        token = request.headers.get(ASSERTION_HEADER)
        if token is not None:
            verifier = await source.verifier()
            try:
                request[_CALLER] = verifier.verify(token)
            except InvalidAssertionError:
                raise EnvelopeError(NOT_SIGNED_IN, http_status=401) from None
        return await handler(request)

    return verify


def caller_of(request: web.Request) -> Caller:
    """The verified caller, a person or a key. Raises EnvelopeError 401 where there is none."""
    caller: Caller | None = request.get(_CALLER)
    if caller is None:
        raise EnvelopeError(NOT_SIGNED_IN, http_status=401)
    return caller


def user_of(request: web.Request) -> Caller:
    """The verified caller, who must be a person and not a key. Raises EnvelopeError 401 or 403."""
    caller = caller_of(request)
    if caller.key_id is not None:
        raise EnvelopeError("an API key may not do this; sign in", http_status=403)
    return caller


def admin_of(request: web.Request) -> Caller:
    """The verified caller, who must be an admin. Raises EnvelopeError 401 or 403."""
    caller = user_of(request)
    if not caller.is_admin:
        raise EnvelopeError("this needs an administrator", http_status=403)
    return caller

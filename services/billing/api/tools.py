"""What third-party tools ask with a key: `[/v1]/dashboard/billing/*` and `/api/usage/token/`.

The first two were OpenAI's once, and their errors have OpenAI's shape.
"""

from typing import Final

import asyncpg
import orjson
from aiohttp import web

from services.billing.accounts.key_terms import ControlKeys
from services.billing.accounts.store_means import means_of_account, means_of_key
from services.billing.accounts.tool_shapes import subscription, token_usage, usage
from shared.http.callers import caller_of
from shared.http.envelope import EnvelopeError, Handler, allowed_methods

_PREFIXES: Final = ("/dashboard/billing", "/v1/dashboard/billing")
SUBSCRIPTION_PATHS: Final = tuple(f"{prefix}/subscription" for prefix in _PREFIXES)
USAGE_PATHS: Final = tuple(f"{prefix}/usage" for prefix in _PREFIXES)
TOKEN_USAGE_PATHS: Final = ("/api/usage/token/", "/api/usage/token")
TOOL_PATHS: Final = frozenset((*SUBSCRIPTION_PATHS, *USAGE_PATHS, *TOKEN_USAGE_PATHS))
"""What a page of any site may call, with a key that it was given."""
_ERROR_TYPES: Final = dict.fromkeys((400, 401, 403, 404, 405), "invalid_request_error")
_ERROR_CODES: Final = {401: "invalid_api_key"}


class ToolsApi:
    """Handlers. Figures of a key where a key calls, of the caller's account where a person does."""

    def __init__(self, *, pool: asyncpg.Pool, keys: ControlKeys) -> None:
        self._pool = pool
        self._keys = keys

    async def subscription(self, request: web.Request) -> web.Response:
        """What may be spent in all, in dollars, and until when."""
        caller = caller_of(request)
        if caller.key_id is None:
            account = await means_of_account(self._pool, caller.workspace_id)
            return _json(subscription(account, access_until=0))
        terms = await self._keys.terms(caller.key_id)
        means = await means_of_key(self._pool, caller.key_id)
        return _json(subscription(means, access_until=terms.expires_at_s))

    async def usage(self, request: web.Request) -> web.Response:
        """What was spent in all; a range of dates is not looked at, as with others of the kind."""
        caller = caller_of(request)
        if caller.key_id is None:
            return _json(usage(await means_of_account(self._pool, caller.workspace_id)))
        return _json(usage(await means_of_key(self._pool, caller.key_id)))

    async def token_usage(self, request: web.Request) -> web.Response:
        """A key's own figures and terms."""
        key_id = caller_of(request).key_id
        if key_id is None:
            raise EnvelopeError("this call is for an API key", http_status=403)
        terms = await self._keys.terms(key_id)
        return _json(token_usage(await means_of_key(self._pool, key_id), terms))


@web.middleware
async def dashboard_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors in OpenAI's shape, for the paths that were OpenAI's."""
    if not request.path.startswith(_PREFIXES):
        return await handler(request)
    try:
        return await handler(request)
    except EnvelopeError as error:
        return _error(max(error.http_status, 400), error.message)
    except web.HTTPException as error:
        response = _error(error.status, error.reason.lower())
        response.headers.update(allowed_methods(error))
        return response


def _error(status: int, message: str) -> web.Response:
    told = {
        "message": message,
        "type": _ERROR_TYPES.get(status, "server_error"),
        "param": None,
        "code": _ERROR_CODES.get(status),
    }
    return _json({"error": told}, status)


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")

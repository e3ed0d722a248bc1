"""The `{success, message, data}` envelope of `/api/*`, and the middleware that keeps to it.

Success is HTTP 200. A failure is HTTP 200 with `success: false`, as existing tools expect, except
401 and 403 (authentication), 404 and 405 (no such call), 413, 429 and 503.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from shared.telemetry.logs import get_logger

_logger = get_logger()
_Model = TypeVar("_Model", bound=BaseModel)
_JSON: Final = "application/json"
_NOT_KEPT: Final = {"Cache-Control": "no-store"}
"""Answers are somebody's own: no cache on the way, nor a browser's on disk, may keep them."""
_OWN_SITES: Final = frozenset({"same-origin", "none"})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Request = TypeVar("_Request", bound=web.BaseRequest)


class EnvelopeError(Exception):
    """A failure to show to the caller. The message is ours; never quote the caller's input.

    With `retry_after_s` the answer has a Retry-After of so many seconds.
    """

    def __init__(
        self, message: str, *, http_status: int = 200, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = http_status
        self.retry_after_s = retry_after_s


def succeed(data: Any = None, message: str = "") -> web.Response:
    """`{"success": true, …}`. Whatever orjson can write may be `data`."""
    return _answer({"success": True, "message": message, "data": data}, 200)


def fail(message: str, *, http_status: int = 200) -> web.Response:
    """`{"success": false, …}`."""
    return _answer({"success": False, "message": message}, http_status)


async def read_body(request: web.Request, model: type[_Model]) -> _Model:
    """The JSON body as `model`. Raises EnvelopeError that names the wrong fields.

    What another site's page can send without the browser asking first is refused.
    """
    raw = await request.read()
    if raw and request.content_type != _JSON and _may_be_another_sites(request):
        raise EnvelopeError("a page must send the body as application/json")
    return _parse(model, raw)


def read_query(request: web.Request, model: type[_Model]) -> _Model:
    """The query string as `model`; a parameter that occurs twice counts once, the first time."""
    try:
        return model.model_validate(dict(reversed(list(request.query.items()))))
    except ValidationError as error:
        raise EnvelopeError(_wrong_fields(error)) from None


def _may_be_another_sites(request: web.Request) -> bool:
    """Whether a browser sends this, and perhaps for another site's page (a login, for one).

    Only for a body of JSON does it ask first. Tools outside browsers send neither header, and may
    name their JSON as they like: `curl -d` calls it a form.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is None:  # an older browser, or no TLS: whose page it is cannot be told here
        return "Origin" in request.headers
    return site not in _OWN_SITES


def _parse(model: type[_Model], raw: bytes) -> _Model:
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise EnvelopeError(_wrong_fields(error)) from None


_OUR_OWN: Final = "Value error, "
"""What pydantic writes before a sentence of ours."""


def _wrong_fields(error: ValidationError) -> str:
    problems = error.errors(include_input=False, include_context=False, include_url=False)
    told = [
        f"{'.'.join(map(str, p['loc'])) or 'body'}: {p['msg'].removeprefix(_OUR_OWN)}"
        for p in problems[:5]
    ]
    return "invalid request: " + "; ".join(told)[:500]


@web.middleware
async def envelope_errors(
    request: _Request, handler: Callable[[_Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every exception into an envelope. What is unforeseen is logged and told as 500."""
    try:
        return await handler(request)
    except EnvelopeError as error:
        response = fail(error.message, http_status=error.http_status)
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    except web.HTTPException as error:
        response = fail(error.reason.lower(), http_status=error.status)
        response.headers.update(allowed_methods(error))
        return response
    except Exception:
        _logger.exception("api.failed", route=_route_of(request))
        return fail("internal error", http_status=500)


def _route_of(request: web.BaseRequest) -> str:
    resource = request.match_info.route.resource if isinstance(request, web.Request) else None
    return resource.canonical if resource else "unknown"


def allowed_methods(error: web.HTTPException) -> dict[str, str]:
    """The header that a 405 must have (RFC 9110, 15.5.6), and nothing for other errors."""
    if not isinstance(error, web.HTTPMethodNotAllowed):
        return {}
    return {"Allow": ", ".join(sorted(error.allowed_methods))}


def _answer(body: dict[str, Any], status: int) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, content_type=_JSON, headers=_NOT_KEPT
    )

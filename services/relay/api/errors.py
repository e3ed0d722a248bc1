"""Every answer has a request id, and every error is in the caller's dialect."""

from typing import Final

import orjson
from aiohttp import web

from services.relay.dialects.calls import dialect_of
from services.relay.dialects.dialect import Dialect
from services.relay.errors import RelayError
from services.relay.passing import LIMIT_HEADERS, REQUEST_ID_HEADER
from shared.events.event import new_event_id
from shared.events.requests import ErrorCode
from shared.http.envelope import Handler, allowed_methods
from shared.telemetry.logs import get_logger

_logger = get_logger()
REQUEST_ID: Final = web.RequestKey("request_id", str)
_HTTP_ERRORS: Final = {
    404: (ErrorCode.NOT_FOUND, "There is no such call."),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "The call does not take this method."),
    413: (ErrorCode.BODY_TOO_LARGE, "The request's body is too large."),
}


@web.middleware
async def dialect_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn exceptions into the dialect's errors. What is unforeseen is logged and told as 500."""
    dialect = dialect_of(request.path, request.headers)
    try:
        response = await handler(request)
    except RelayError as error:
        response = error_response(error, dialect, _request_id(request))
    except web.HTTPException as error:
        known = _HTTP_ERRORS.get(error.status, (ErrorCode.INVALID_REQUEST, error.reason))
        response = error_response(
            RelayError(known[0], error.status, known[1]), dialect, _request_id(request)
        )
        response.headers.update(allowed_methods(error))
    except ConnectionError:
        raise  # the client is gone: there is nobody to answer
    except Exception:
        _logger.exception("relay.failed", request_id=_request_id(request))
        told = RelayError(ErrorCode.INTERNAL, 500, "Something went wrong inside the gateway.")
        response = error_response(told, dialect, _request_id(request))
    if not response.prepared:
        request_id = _request_id(request)
        response.headers.setdefault(REQUEST_ID_HEADER, request_id)
        for name, value in dialect.answer_headers(request_id).items():
            response.headers.setdefault(name, value)
        for name, value in request.get(LIMIT_HEADERS, {}).items():
            response.headers.setdefault(name, value)
    return response


def malformed(_status: int, message: str) -> bytes:
    """The refusal of what is no HTTP request: its path is not known, so it suits both dialects."""
    request_id = new_event_id()
    error = {
        "message": f"{message} (request id: {request_id})",
        "type": "invalid_request_error",
        "param": None,
        "code": ErrorCode.INVALID_REQUEST.value,
    }
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id})


def error_response(error: RelayError, dialect: Dialect, request_id: str) -> web.Response:
    """The error in the dialect."""
    headers = {"Content-Type": "application/json"}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    headers |= error.headers
    body = dialect.error_body(error, request_id)
    return web.Response(status=error.http_status, body=body, headers=headers)


def _request_id(request: web.Request) -> str:
    """The id that its handler gave it; a new one for a request that never came to a handler."""
    request_id: str | None = request.get(REQUEST_ID)
    if request_id is None:
        request_id = request[REQUEST_ID] = new_event_id()
    return request_id

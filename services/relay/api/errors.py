"""Every answer has a request id, and every error is in the caller's dialect."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from aiohttp import web
from multidict import CIMultiDict

from services.relay.answering.passing import LIMIT_HEADERS, REQUEST_ID_HEADER
from services.relay.dialects.calls import dialect_of
from services.relay.errors import RelayError
from shared.events.event import new_event_id
from shared.events.requests import ErrorCode
from shared.http.connection import SERVER
from shared.http.envelope import allowed_methods
from shared.http.plain_answer import PlainAnswer
from shared.telemetry.logs import get_logger

_logger = get_logger()
REQUEST_ID: Final = web.RequestKey("request_id", str)
_HTTP_ERRORS: Final = {
    404: (ErrorCode.NOT_FOUND, "There is no such call."),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "The call does not take this method."),
    413: (ErrorCode.BODY_TOO_LARGE, "The request's body is too large."),
}


async def dialect_errors(
    request: web.BaseRequest,
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """The handler's answer, or the dialect's error. What is unforeseen is logged and told as 500.

    A plain answer of a handler has its headers already; any other is given those that it lacks.
    """
    try:
        response = await handler(request)
    except ConnectionError:
        raise  # the client is gone: there is nobody to answer
    except Exception as error:
        told = _told(request, error)
        if request.writer.output_size > 0:
            # A head is out: another answer would stand inside of the one that has begun.
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError from error
        return told
    if not isinstance(response, PlainAnswer) and not response.prepared:
        for name, value in _headers(request).items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Server", SERVER)
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


def _told(request: web.BaseRequest, error: Exception) -> PlainAnswer:
    headers: Mapping[str, str] = {}
    if isinstance(error, web.HTTPException):
        code, message = _HTTP_ERRORS.get(error.status, (ErrorCode.INVALID_REQUEST, error.reason))
        headers = allowed_methods(error)
        error = RelayError(code, error.status, message)
    elif not isinstance(error, RelayError):
        _logger.error("relay.failed", request_id=_request_id(request), exc_info=error)
        error = RelayError(ErrorCode.INTERNAL, 500, "Something went wrong inside the gateway.")
    return _error_answer(request, error, headers)


def _error_answer(
    request: web.BaseRequest, error: RelayError, more: Mapping[str, str]
) -> PlainAnswer:
    headers = CIMultiDict({"Content-Type": "application/json", **more})
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    headers.update(error.headers)
    for name, value in _headers(request).items():
        headers.setdefault(name, value)
    dialect = dialect_of(request.path, request.headers)
    body = dialect.error_body(error, _request_id(request))
    return PlainAnswer(error.http_status, body, headers.items())


def _headers(request: web.BaseRequest) -> dict[str, str]:
    """What every answer has, and every answer of a request with limits."""
    request_id = _request_id(request)
    dialect = dialect_of(request.path, request.headers)
    return {
        **request.get(LIMIT_HEADERS, {}),
        **dialect.answer_headers(request_id),
        REQUEST_ID_HEADER: request_id,
    }


def _request_id(request: web.BaseRequest) -> str:
    """The id that its handler gave it; a new one for a request that never came to a handler."""
    request_id: str | None = request.get(REQUEST_ID)
    if request_id is None:
        request_id = request[REQUEST_ID] = new_event_id()
    return request_id

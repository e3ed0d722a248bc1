from typing import Final

from deploy.simulator.json_text import to_json

# What OpenAI says for a status: message, type, code.
_BY_STATUS: Final[dict[int, tuple[str, str, str | None]]] = {
    400: ("Invalid request.", "invalid_request_error", None),
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("You are not allowed to do this.", "permission_error", "forbidden"),
    404: ("The model does not exist.", "invalid_request_error", "model_not_found"),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request.", "server_error", None),
    503: ("The engine is currently overloaded.", "server_error", "overloaded"),
}
_FIRST_SERVER_STATUS: Final = 500


class InvalidRequestError(ValueError):
    """A request that the dialect refuses with 400; `param` is the field at fault."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


def error_json(
    status: int, message: str | None = None, *, param: str | None = None, code: str | None = None
) -> bytes:
    """The body of an error in OpenAI's dialect; its usual words unless a message is given."""
    likest = 500 if status >= _FIRST_SERVER_STATUS else 400
    usual, kind, usual_code = _BY_STATUS.get(status, _BY_STATUS[likest])
    error = {
        "message": message or usual,
        "type": kind,
        "param": param,
        "code": code or usual_code,
    }
    return to_json({"error": error})

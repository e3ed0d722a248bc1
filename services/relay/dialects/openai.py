"""OpenAI's dialect: how keys are shown, and how errors look."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from services.relay.dialects.bearer import bearer_of
from services.relay.errors import RelayError
from shared.events.requests import ErrorCode

_TYPES: Final = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
_PUBLIC_CODES: Final = {
    "key_disabled": "invalid_api_key",
    "key_expired": "invalid_api_key",
    "key_exhausted": "insufficient_user_quota",
    "rate_limited": "rate_limit_exceeded",
    "quota_held": "rate_limit_exceeded",
}
_QUOTA_IS_SHORT: Final = frozenset(
    {ErrorCode.INSUFFICIENT_QUOTA, ErrorCode.KEY_EXHAUSTED, ErrorCode.BUDGET_EXCEEDED}
)
_NOTHING: Final[Mapping[str, str]] = {}


class OpenAIDialect:
    """A Dialect."""

    name = "openai"
    key_hint = "send it as `Authorization: Bearer sk-...`"
    upstream_id_header = "x-request-id"
    passed_headers: tuple[str, ...] = ("openai-processing-ms", "openai-version")

    def shown_key(self, headers: Mapping[str, str]) -> str | None:
        """See Dialect."""
        return bearer_of(headers)

    def forwarded(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:  # noqa: ARG002  # a Dialect's
        """See Dialect."""
        return ()

    def authorization(self, secret: str) -> tuple[str, str]:
        """See Dialect."""
        return ("Authorization", f"Bearer {secret}")

    def answer_headers(self, request_id: str) -> Mapping[str, str]:  # noqa: ARG002  # a Dialect's
        """See Dialect."""
        return _NOTHING

    def is_error(self, body: bytes) -> bool:
        """See Dialect."""
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        return isinstance(parsed, dict) and isinstance(parsed.get("error"), dict)

    def error_body(self, error: RelayError, request_id: str) -> bytes:
        """See Dialect."""
        return orjson.dumps(self._error(error, request_id))

    def error_event(self, error: RelayError, request_id: str) -> bytes:
        """See Dialect. The SDKs raise on a `data` event that has `error`."""
        return b"data: " + orjson.dumps(self._error(error, request_id)) + b"\n\n"

    @staticmethod
    def _error(error: RelayError, request_id: str) -> dict[str, Any]:
        return {
            "error": {
                "message": f"{error.message} (request id: {request_id})",
                "type": (
                    "insufficient_quota"
                    if error.code in _QUOTA_IS_SHORT
                    else _TYPES.get(error.http_status, "api_error")
                ),
                "param": error.param,
                "code": _PUBLIC_CODES.get(error.code.value, error.code.value),
            }
        }


OPENAI: Final = OpenAIDialect()

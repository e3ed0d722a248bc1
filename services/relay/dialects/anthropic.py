"""Anthropic's dialect: how keys are shown, which headers go on, and how errors look."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from services.relay.dialects.bearer import bearer_of
from services.relay.errors import RelayError, invalid_request

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_FIRST_SERVER_ERROR: Final = 500
_KEY_HEADER: Final = "x-api-key"
VERSION_HEADER: Final = "anthropic-version"
_BETA: Final = "anthropic-beta"
_OLDEST_VERSION: Final = "2023-06-01"
"""For clients that name none: what they were written for, if they are older than the header."""
_MAX_VERSION: Final = 32
_MAX_BETA: Final = 2048


class AnthropicDialect:
    """A Dialect."""

    name = "anthropic"
    key_hint = "send it as `x-api-key: sk-...`"
    upstream_id_header = "request-id"
    # The limits of the channel's own credential (`anthropic-ratelimit-*`) are not the client's.
    passed_headers: tuple[str, ...] = ()

    def shown_key(self, headers: Mapping[str, str]) -> str | None:
        """See Dialect. `x-api-key`, else a bearer token: SDKs send the one or the other."""
        return headers.get(_KEY_HEADER, "").strip() or bearer_of(headers)

    def forwarded(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """See Dialect. `anthropic-version`, and `anthropic-beta` where there is one."""
        versions = _values(headers, VERSION_HEADER, max_length=_MAX_VERSION)
        if len(versions) > 1:
            raise invalid_request(f"The header `{VERSION_HEADER}` occurs more than once.")
        forwarded = ((VERSION_HEADER, versions[0] if versions else _OLDEST_VERSION),)
        betas = _values(headers, _BETA, max_length=_MAX_BETA)
        return (*forwarded, (_BETA, ",".join(betas))) if betas else forwarded

    def authorization(self, secret: str) -> tuple[str, str]:
        """See Dialect."""
        return (_KEY_HEADER, secret)

    def answer_headers(self, request_id: str) -> Mapping[str, str]:
        """See Dialect."""
        return {"request-id": request_id}

    def is_error(self, body: bytes) -> bool:
        """See Dialect."""
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        return (
            isinstance(parsed, dict)
            and parsed.get("type") == "error"
            and isinstance(parsed.get("error"), dict)
        )

    def error_body(self, error: RelayError, request_id: str) -> bytes:
        """See Dialect."""
        return orjson.dumps(self._error(error, request_id))

    def error_event(self, error: RelayError, request_id: str) -> bytes:
        """See Dialect. The SDKs raise on an event of this name."""
        return b"event: error\ndata: " + orjson.dumps(self._error(error, request_id)) + b"\n\n"

    @staticmethod
    def _error(error: RelayError, request_id: str) -> dict[str, Any]:
        is_ours = error.http_status >= _FIRST_SERVER_ERROR
        usual = "api_error" if is_ours else "invalid_request_error"
        told = {
            "type": _TYPES.get(error.http_status, usual),
            "message": f"{error.message} (request id: {request_id})",
        }
        return {"type": "error", "error": told, "request_id": request_id}


ANTHROPIC: Final = AnthropicDialect()


def _values(headers: Mapping[str, str], name: str, *, max_length: int) -> list[str]:
    """All values of a header that are not empty. Raises RelayError 400."""
    if name not in headers:
        return []
    # A multidict's items have each occurrence.
    values = [value.strip() for key, value in headers.items() if key.lower() == name]
    values = [value for value in values if value]
    told = "".join(values)
    if len(told) > max_length or not told.isascii() or not told.isprintable():
        raise invalid_request(
            f"The header `{name}` may have {max_length} printable ASCII characters at the most."
        )
    return values

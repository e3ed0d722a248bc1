"""What every answer in Anthropic's dialect has: headers, and errors in its words."""

from typing import Final

from deploy.simulator.exchange import Exchange
from deploy.simulator.json_text import to_json

# What Anthropic says for a status: type and message.
_BY_STATUS: Final[dict[int, tuple[str, str]]] = {
    400: ("invalid_request_error", "The request is invalid."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is an issue with your billing."),
    403: ("permission_error", "Your API key may not use this resource."),
    404: ("not_found_error", "model: not found"),
    413: ("request_too_large", "Request exceeds the maximum size."),
    429: ("rate_limit_error", "This request would exceed your rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "The request timed out."),
    529: ("overloaded_error", "Overloaded"),
}
_FIRST_SERVER_STATUS: Final = 500
_RATE_LIMITS: Final = {
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z",
    "anthropic-ratelimit-tokens-limit": "2000000",
    "anthropic-ratelimit-tokens-remaining": "1999000",
    "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:00Z",
}


class AnthropicExchange(Exchange):
    """One request of the provider's surface, in Anthropic's dialect."""

    mid_stream_status = 529

    def read_key(self) -> str:
        """See Exchange; `x-api-key`, or a bearer token."""
        return self.request.headers.get("x-api-key", "") or super().read_key()

    def own_headers(self) -> dict[str, str]:
        """See Exchange."""
        return {"request-id": self.request_id, **_RATE_LIMITS}

    def error_body(
        self,
        status: int,
        message: str | None = None,
        *,
        param: str | None = None,
        code: str | None = None,
    ) -> bytes:
        """See Exchange. The dialect has neither `param` nor `code`: they stand in the message."""
        likest = 500 if status >= _FIRST_SERVER_STATUS else 400
        kind, usual = _BY_STATUS.get(status, _BY_STATUS[likest])
        told = ": ".join(part for part in (code, param, message or usual) if part)
        error = {"type": kind, "message": told}
        return to_json({"type": "error", "error": error, "request_id": self.request_id})

"""OpenAI's dialect: chat completions."""

from typing import Any, Final

import orjson

from services.relay.dialects.dialect import AnswerFacts, AnswerMalformedError, RequestFacts
from services.relay.dialects.openai_content import content_bytes
from services.relay.dialects.openai_request import read_chat_request, upstream_chat_body
from services.relay.dialects.openai_stream import OpenAIStreamReader
from services.relay.dialects.openai_usage import read_usage
from services.relay.errors import RelayError

CHAT_PATH: Final = "/v1/chat/completions"
UPSTREAM_CHAT_PATH: Final = "/chat/completions"
_TYPES: Final = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "insufficient_quota",
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


class OpenAIDialect:
    """A Dialect."""

    name = "openai"

    def read_request(self, body: bytes) -> RequestFacts:
        """See Dialect."""
        return read_chat_request(body)

    def upstream_body(self, body: bytes, facts: RequestFacts, *, model: str) -> bytes:
        """See Dialect."""
        return upstream_chat_body(body, facts, model=model)

    def read_answer(self, body: bytes) -> AnswerFacts:
        """See Dialect."""
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise AnswerMalformedError from None
        if not isinstance(parsed, dict):
            raise AnswerMalformedError
        return AnswerFacts(read_usage(parsed.get("usage")), content_bytes(parsed, "message"))

    def stream_reader(self, facts: RequestFacts) -> OpenAIStreamReader:
        """See Dialect."""
        return OpenAIStreamReader(passes_usage=facts.wants_usage)

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
                "type": _TYPES.get(error.http_status, "api_error"),
                "param": error.param,
                "code": _PUBLIC_CODES.get(error.code.value, error.code.value),
            }
        }

"""What an upstream's error means: a code of the closed set. Pure.

Only statuses, and the `code` and `type` of error bodies, are looked at; an upstream's text is held
against one list of well-known sentences, and never kept.
"""

from typing import Any, Final

import orjson

from shared.events.requests import ErrorCode

_TOO_MANY: Final = 429
_UNAUTHORIZED: Final = 401
_PAYMENT_REQUIRED: Final = 402
_FORBIDDEN: Final = 403
_FIRST_SERVER_ERROR: Final = 500
# Where a body can make another thing of the status: a key that is not good, a balance that is gone.
_TELLING: Final = frozenset({400, 401, 403, 429})

_BAD_CREDENTIAL: Final = frozenset(
    {
        "invalid_api_key",
        "authentication_error",
        "invalid_authentication_error",
        "incorrect_api_key_error",
        "account_deactivated",
        "API_KEY_INVALID",
        "InvalidApiKey",
    }
)
_NO_CREDIT: Final = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "billing_error",
        "exceeded_current_quota_error",
        "insufficient_balance",
        "Arrearage",
        "1113",
    }
)
# How gateways say, of one request, that a balance does not cover what it could cost at the most: a
# client asks for that with a large `max_tokens`, so it must not take the credential from others.
_SHORT_OF_CREDIT: Final = "insufficient_user_quota"
# Held against the beginning: further on a message may quote what the client made up.
_NO_CREDIT_SENTENCES: Final = (("invalid_request_error", "Your credit balance is too low"),)

CREDENTIAL_REFUSALS: Final = frozenset(
    {ErrorCode.UPSTREAM_AUTHENTICATION, ErrorCode.UPSTREAM_QUOTA_EXHAUSTED}
)
"""The credential's doing: it is not used again until a person says so."""

ANSWERED_BY_ANOTHER_CREDENTIAL: Final = CREDENTIAL_REFUSALS | {ErrorCode.UPSTREAM_QUOTA_SHORT}
"""Another credential of the same channel may be answered, for this request."""


def code_of(status: int, body: bytes) -> ErrorCode:
    """What an answer with a status of 400 and more means."""
    if status in _TELLING and (told := _told(status, body)) is not None:
        return told
    if status == _UNAUTHORIZED:
        return ErrorCode.UPSTREAM_AUTHENTICATION
    if status == _PAYMENT_REQUIRED:
        return ErrorCode.UPSTREAM_QUOTA_EXHAUSTED
    if status == _TOO_MANY:
        return ErrorCode.UPSTREAM_RATE_LIMITED
    if status >= _FIRST_SERVER_ERROR:
        return ErrorCode.UPSTREAM_SERVER_ERROR
    return ErrorCode.UPSTREAM_CLIENT_ERROR


def _told(status: int, body: bytes) -> ErrorCode | None:
    error = _error_of(body)
    names = {name for name in (error.get("code"), error.get("type")) if isinstance(name, str)}
    if _SHORT_OF_CREDIT in names or (status == _FORBIDDEN and names & _NO_CREDIT):
        return ErrorCode.UPSTREAM_QUOTA_SHORT
    if names & _NO_CREDIT:
        return ErrorCode.UPSTREAM_QUOTA_EXHAUSTED
    if names & _BAD_CREDENTIAL:
        return ErrorCode.UPSTREAM_AUTHENTICATION
    message = error.get("message")
    if isinstance(message, str):
        for kind, sentence in _NO_CREDIT_SENTENCES:
            if kind in names and message.startswith(sentence):
                return ErrorCode.UPSTREAM_QUOTA_EXHAUSTED
    return None


def _error_of(body: bytes) -> dict[str, Any]:
    """The error's object, whether it stands under `error` or alone; else an empty one."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(parsed, dict):
        return {}
    error = parsed.get("error", parsed)
    return error if isinstance(error, dict) else {}

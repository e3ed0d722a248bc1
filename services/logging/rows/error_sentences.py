"""The sentence that a log row shows for each error code. Never an upstream's own words."""

from collections.abc import Mapping
from typing import Final

from shared.events.requests import ErrorCode, Outcome

SENTENCES: Final[Mapping[str, str]] = {
    ErrorCode.INVALID_REQUEST: "The request was not valid",
    ErrorCode.NOT_FOUND: "There is no such call",
    ErrorCode.METHOD_NOT_ALLOWED: "The call has no such method",
    ErrorCode.BODY_TOO_LARGE: "The request's body was too large",
    ErrorCode.BODY_TIMEOUT: "The request's body did not arrive in time",
    ErrorCode.INVALID_API_KEY: "The key is not valid",
    ErrorCode.CONTROL_UNREACHABLE: "Control could not be asked about the key",
    ErrorCode.KEY_DISABLED: "The key is disabled",
    ErrorCode.KEY_EXPIRED: "The key has expired",
    ErrorCode.KEY_EXHAUSTED: "The key's quota is used up",
    ErrorCode.ADDRESS_NOT_ALLOWED: "The key may not be used from this address",
    ErrorCode.MODEL_NOT_ALLOWED: "The key may not use this model",
    ErrorCode.MODEL_NOT_FOUND: "There is no such model",
    ErrorCode.MODEL_PRICE_NOT_SET: "The model has no price",
    ErrorCode.INSUFFICIENT_QUOTA: "The balance does not cover the request",
    ErrorCode.QUOTA_HELD: "The balance is held by other requests",
    ErrorCode.BUDGET_EXCEEDED: "A budget does not cover the request",
    ErrorCode.LEASE_UNAVAILABLE: "Billing could not be asked for quota",
    ErrorCode.JOURNAL_FULL: "The relay's journal is full",
    ErrorCode.NO_CHANNEL: "No channel serves this model in this group",
    ErrorCode.RATE_LIMITED: "Too many requests",
    ErrorCode.LIMITER_UNAVAILABLE: "The rate limits could not be looked at",
    ErrorCode.SHUTTING_DOWN: "The relay is shutting down",
    ErrorCode.UPSTREAM_CONNECTION: "The upstream could not be reached",
    ErrorCode.UPSTREAM_TIMEOUT: "The upstream did not answer in time",
    ErrorCode.UPSTREAM_RATE_LIMITED: "The upstream is rate limiting",
    ErrorCode.UPSTREAM_AUTHENTICATION: "The upstream refused the channel's key",
    ErrorCode.UPSTREAM_QUOTA_EXHAUSTED: "The channel's balance at the upstream is used up",
    ErrorCode.UPSTREAM_QUOTA_SHORT: "The channel's balance at the upstream is short of the request",
    ErrorCode.UPSTREAM_CLIENT_ERROR: "The upstream refused the request",
    ErrorCode.UPSTREAM_SERVER_ERROR: "The upstream failed",
    ErrorCode.UPSTREAM_MALFORMED: "The upstream's answer could not be read",
    ErrorCode.UPSTREAM_CUT: "The upstream ended its answer before it was whole",
    ErrorCode.ANSWER_TOO_LARGE: "The upstream's answer was larger than the gateway passes on",
    ErrorCode.RELAY_DIED: "The relay ended while it served the request",
    ErrorCode.INTERNAL: "The gateway failed",
}
_WITHOUT_CODE: Final[Mapping[str, str]] = {
    Outcome.SUCCEEDED: "API call succeeded",
    Outcome.FAILED: "The request failed",
    Outcome.INTERRUPTED: "The request was interrupted",
    Outcome.REJECTED: "The request was refused",
}
_CLIENT_LEFT: Final = "API call succeeded; the client left before its end"
KNOWN: Final = frozenset({*SENTENCES.values(), *_WITHOUT_CODE.values(), _CLIENT_LEFT})
"""All that a request's row may say. What is taken out of here is looked for in `log_sentences`."""


def sentence(outcome: str, error_code: str | None, *, client_disconnected: bool) -> str:
    """The `content` of a request's row; a plain one for codes of a later release."""
    if outcome == Outcome.SUCCEEDED:
        return _CLIENT_LEFT if client_disconnected else _WITHOUT_CODE[outcome]
    plain = _WITHOUT_CODE.get(outcome, _WITHOUT_CODE[Outcome.FAILED])
    return plain if error_code is None else SENTENCES.get(error_code, plain)

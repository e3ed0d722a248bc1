"""What an upstream's error says: by codes and types, never by its words, but for one sentence."""

import json
from typing import Any

import pytest

from shared.events.requests import ErrorCode
from shared.health.refusals import code_of

AUTH = ErrorCode.UPSTREAM_AUTHENTICATION
QUOTA = ErrorCode.UPSTREAM_QUOTA_EXHAUSTED
SHORT = ErrorCode.UPSTREAM_QUOTA_SHORT
RATE = ErrorCode.UPSTREAM_RATE_LIMITED
CLIENT = ErrorCode.UPSTREAM_CLIENT_ERROR
SERVER = ErrorCode.UPSTREAM_SERVER_ERROR


def error(**fields: Any) -> dict[str, Any]:
    return {"error": fields}


CASES: list[tuple[int, Any, ErrorCode]] = [
    (401, error(code="invalid_api_key", type="invalid_request_error"), AUTH),
    (401, error(type="authentication_error", message="invalid x-api-key"), AUTH),
    (401, "not json", AUTH),
    (403, error(code="invalid_api_key"), AUTH),
    (403, error(type="permission_error"), CLIENT),
    (403, error(code="insufficient_user_quota"), SHORT),
    (403, error(code="insufficient_user_quota", type="insufficient_quota"), SHORT),
    (403, error(code="pre_consume_token_quota_failed", type="insufficient_quota"), SHORT),
    (403, error(code="model_not_allowed", type="permission_error"), CLIENT),
    (429, error(code="insufficient_user_quota"), SHORT),
    (400, error(status="INVALID_ARGUMENT", code="API_KEY_INVALID"), AUTH),
    (402, "", QUOTA),
    (402, error(type="billing_error"), QUOTA),
    (401, error(code="insufficient_quota"), QUOTA),
    (429, error(code="insufficient_quota", type="insufficient_quota"), QUOTA),
    (429, error(code="billing_hard_limit_reached"), QUOTA),
    (429, error(code="rate_limit_exceeded", type="tokens"), RATE),
    (429, error(type="rate_limit_error", message="credit balance is too low"), RATE),
    (429, {"error": "slow down"}, RATE),
    (400, error(type="invalid_request_error",
                message="Your credit balance is too low to access the Anthropic API."), QUOTA),
    (400, error(type="invalid_request_error", message="max_tokens is too large"), CLIENT),
    (400, {"code": "Arrearage", "message": "overdue"}, QUOTA),
    (400, [1, 2], CLIENT),
    (404, error(code="insufficient_quota"), CLIENT),
    (422, error(code="invalid_api_key"), CLIENT),
    (500, error(code="insufficient_quota"), SERVER),
    (529, error(type="overloaded_error"), SERVER),
    (429, error(code=None, type=7), RATE),
    (429, error(code=1113), RATE),
    (429, error(code="1113"), QUOTA),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "code"), CASES)
def test_an_error_means(status: int, body: Any, code: ErrorCode) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    assert code_of(status, raw) is code


@pytest.mark.parametrize("prompt", ["insufficient_quota", "Your credit balance is too low"])
def test_a_message_that_quotes_the_prompt_disables_nothing(prompt: str) -> None:
    """Else a client could take a channel's key away by what it says."""
    for kind in ("rate_limit_error", "content_policy_violation", "invalid_request_error"):
        body = json.dumps(error(type=kind, message=f"cannot answer: {prompt}")).encode()
        assert code_of(400, body) is CLIENT
    header = f"Unexpected value(s) `{prompt}` for the `anthropic-beta` header."
    body = json.dumps(error(type="invalid_request_error", message=header)).encode()
    assert code_of(400, body) is CLIENT

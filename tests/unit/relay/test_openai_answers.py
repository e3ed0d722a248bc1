"""Whole answers and errors in OpenAI's dialect."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given

from services.relay.dialects.dialect import AnswerMalformedError
from services.relay.dialects.openai import OPENAI
from services.relay.dialects.openai_chat import ChatCompletions
from services.relay.errors import RelayError
from shared.events.requests import ErrorCode
from tests.unit.relay.json_texts import VALUES

CHAT = ChatCompletions()


def answer(**message: Any) -> bytes:
    body = {"choices": [{"message": {"role": "assistant", **message}}]}
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("body", "content_bytes"),
    [
        (answer(content="héllo"), 6),
        (answer(content=None, refusal="no"), 2),
        (answer(content=None), 0),
        (answer(content=None, tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]), 3),
        (b'{"choices":[]}', 0),
        (b'{"choices":{"message":1}}', 0),
        (b"{}", 0),
    ],
)
def test_the_answers_own_text_is_counted(body: bytes, content_bytes: int) -> None:
    facts = CHAT.read_answer(body)
    assert (facts.usage, facts.content_bytes) == (None, content_bytes)


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"{", b'{"x":NaN}', b"<html>"])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(AnswerMalformedError):
        CHAT.read_answer(body)


def test_a_tool_call_too_deep_to_be_written_again_is_an_answer() -> None:
    """It was served: it must be charged and passed on."""
    deep = "[" * 500 + "]" * 500
    body = f'{{"choices":[{{"message":{{"tool_calls":[{{"function":{{"arguments":{deep}}}}}]}}}}]}}'
    assert CHAT.read_answer(body.encode()).content_bytes == 0


@given(VALUES, VALUES)
def test_any_json_object_is_an_answer(choices: str, usage: str) -> None:
    body = f'{{"choices":{choices},"usage":{usage}}}'.encode()
    assert CHAT.read_answer(body).content_bytes >= 0
    body = f'{{"choices":[{{"message":{choices}}}],"usage":{usage}}}'.encode()
    assert CHAT.read_answer(body).content_bytes >= 0


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        (b'{"error":{"message":"x"}}', True),
        (b'{"error":"x"}', False),
        (b"[]", False),
        (b"<html>", False),
        (b"", False),
    ],
)
def test_what_the_dialects_clients_understand_as_an_error(body: bytes, is_error: bool) -> None:
    assert OPENAI.is_error(body) is is_error


@pytest.mark.parametrize(
    ("code", "status", "kind", "told"),
    [
        (ErrorCode.INVALID_REQUEST, 400, "invalid_request_error", "invalid_request"),
        (ErrorCode.KEY_DISABLED, 401, "invalid_request_error", "invalid_api_key"),
        (ErrorCode.KEY_EXPIRED, 401, "invalid_request_error", "invalid_api_key"),
        (ErrorCode.INSUFFICIENT_QUOTA, 403, "insufficient_quota", "insufficient_user_quota"),
        (ErrorCode.KEY_EXHAUSTED, 403, "insufficient_quota", "insufficient_user_quota"),
        (ErrorCode.MODEL_NOT_ALLOWED, 403, "permission_error", "model_not_allowed"),
        (ErrorCode.ADDRESS_NOT_ALLOWED, 403, "permission_error", "address_not_allowed"),
        (ErrorCode.UPSTREAM_CLIENT_ERROR, 403, "permission_error", "upstream_client_error"),
        (ErrorCode.MODEL_NOT_FOUND, 404, "invalid_request_error", "model_not_found"),
        (ErrorCode.QUOTA_HELD, 429, "rate_limit_error", "rate_limit_exceeded"),
        (ErrorCode.MODEL_PRICE_NOT_SET, 503, "api_error", "model_price_not_set"),
    ],
)
def test_an_error_names_its_code_and_the_request(
    code: ErrorCode, status: int, kind: str, told: str
) -> None:
    error = RelayError(code, status, "Sorry.", param="model")
    body = orjson.loads(OPENAI.error_body(error, "r-1"))
    assert body == {
        "error": {
            "message": "Sorry. (request id: r-1)",
            "type": kind,
            "param": "model",
            "code": told,
        }
    }
    event = OPENAI.error_event(error, "r-1")
    assert event == b"data: " + OPENAI.error_body(error, "r-1") + b"\n\n"

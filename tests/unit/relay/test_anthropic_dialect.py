"""How keys are shown in Anthropic's dialect, what goes on, and how errors and answers look."""

import json
from typing import Any

import pytest
from multidict import CIMultiDict

from services.relay.dialects.anthropic import ANTHROPIC
from services.relay.dialects.anthropic_messages import Messages
from services.relay.dialects.calls import dialect_of
from services.relay.dialects.dialect import AnswerMalformedError
from services.relay.dialects.openai import OPENAI
from services.relay.errors import RelayError
from shared.events.requests import ErrorCode


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"X-Api-Key": "sk-1"}, "sk-1"),
        ({"x-api-key": " sk-1 "}, "sk-1"),
        ({"Authorization": "Bearer sk-2"}, "sk-2"),
        ({"x-api-key": "sk-1", "Authorization": "Bearer sk-2"}, "sk-1"),
        ({"x-api-key": ""}, None),
        ({}, None),
    ],
)
def test_a_key_is_shown_as_either_header(headers: dict[str, str], key: str | None) -> None:
    assert ANTHROPIC.shown_key(CIMultiDict(headers)) == key


def test_version_and_betas_go_on_and_nothing_else() -> None:
    headers = CIMultiDict(
        {"Anthropic-Version": "2026-10-21", "anthropic-dangerous": "1", "cookie": "c"}
    )
    headers.add("Anthropic-Beta", "one-2026, two-2026")
    headers.add("anthropic-beta", "three-2026")
    assert ANTHROPIC.forwarded(headers) == (
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "one-2026, two-2026,three-2026"),
    )
    assert ANTHROPIC.forwarded(CIMultiDict()) == (("anthropic-version", "2023-06-01"),)


@pytest.mark.parametrize("name", ["anthropic-version", "anthropic-beta"])
@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\x00b", "a\nb", "é", "a" * 3000])
def test_a_header_that_could_do_harm_is_400_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(RelayError) as caught:
        ANTHROPIC.forwarded(CIMultiDict({name: value}))
    assert caught.value.http_status == 400
    assert value not in caught.value.message


def test_two_versions_are_400() -> None:
    headers = CIMultiDict(
        [("anthropic-version", "2023-06-01"), ("Anthropic-Version", "2026-10-21")]
    )
    with pytest.raises(RelayError):
        ANTHROPIC.forwarded(headers)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ],
)
def test_an_error_has_the_dialects_type_and_the_request_id(status: int, kind: str) -> None:
    error = RelayError(ErrorCode.INTERNAL, status, "Something.")
    told = json.loads(ANTHROPIC.error_body(error, "id-1"))
    assert told == {
        "type": "error",
        "error": {"type": kind, "message": "Something. (request id: id-1)"},
        "request_id": "id-1",
    }
    event = ANTHROPIC.error_event(error, "id-1").decode()
    name, data, *rest = event.split("\n")
    assert (name, rest) == ("event: error", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == told


def test_only_the_dialects_own_errors_are_passed_on() -> None:
    assert ANTHROPIC.is_error(b'{"type":"error","error":{"type":"api_error","message":"x"}}')
    for body in (b'{"error":{"message":"x"}}', b'{"type":"error","error":"x"}', b"<html>", b"[]"):
        assert not ANTHROPIC.is_error(body)


def test_errors_of_its_paths_are_in_its_dialect() -> None:
    for path in ("/v1/messages", "/v1/messages/count_tokens", "/v1/messages/unknown"):
        assert dialect_of(path, {}) is ANTHROPIC
    for path in ("/v1/chat/completions", "/v1/messagesX", "/"):
        assert dialect_of(path, {"anthropic-version": "2023-06-01"}) is OPENAI


def test_models_are_listed_in_the_dialect_that_is_spoken() -> None:
    for path in ("/v1/models", "/v1/models/claude"):
        assert dialect_of(path, CIMultiDict({"Anthropic-Version": "2023-06-01"})) is ANTHROPIC
        assert dialect_of(path, CIMultiDict()) is OPENAI


@pytest.mark.parametrize(
    ("content", "size"),
    [
        ([{"type": "text", "text": "héllo"}], 6),
        ([{"type": "thinking", "thinking": "Hmm", "signature": "AAAA"}], 3),
        ([{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}], 7),
        ([{"type": "redacted_thinking", "data": "AAAA"}], 0),
        ([None, 1, "text", {"text": 1}], 0),
        ("text", 0),
        (None, 0),
    ],
)
def test_the_answers_own_text_is_counted(content: Any, size: int) -> None:
    facts = Messages().read_answer(json.dumps({"type": "message", "content": content}).encode())
    assert (facts.usage, facts.content_bytes) == (None, size)


def test_a_tool_input_too_deep_to_be_written_again_is_an_answer() -> None:
    """It was served: it must be charged and passed on."""
    deep = "[" * 500 + "]" * 500
    body = f'{{"content":[{{"type":"tool_use","input":{deep}}}]}}'
    assert Messages().read_answer(body.encode()).content_bytes >= 0


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"{", b"<html>"])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(AnswerMalformedError):
        Messages().read_answer(body)

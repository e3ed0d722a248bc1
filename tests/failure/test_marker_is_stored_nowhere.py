"""I4: a marker put into whatever a client can say is found in no table, topic, file or log."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import aiohttp

from deploy.local.stack import Stack
from services.logging.transparency.statements import NOT_STORED
from tests.failure.marker import MARKER, SAID_IN, assert_nowhere
from tests.gateway.catching_up import caught_up
from tests.gateway.operator import CLAUDE, MODEL, Operator

TEXT_MODEL: Final = "gpt-3.5-turbo-instruct"
_IMAGE: Final = f"https://images.example/{MARKER}.png"
_SHOWN_ELSEWHERE: Final = {"secrets"}
"""By test_secrets_are_in_clear_nowhere.py."""


def _chat(content: str) -> dict[str, Any]:
    return {
        "model": MODEL,
        "user": MARKER,
        "metadata": {MARKER: MARKER},
        "tools": [{"type": "function", "function": {"name": "f", "description": MARKER}}],
        "messages": [
            {"role": "system", "content": MARKER},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": _IMAGE}}]},
            {"role": "user", "content": content},
        ],
    }


def _messages(content: str) -> dict[str, Any]:
    thought = {"type": "thinking", "thinking": MARKER, "signature": MARKER}
    used = {"type": "tool_use", "id": MARKER, "name": MARKER, "input": {MARKER: MARKER}}
    result = {"type": "tool_result", "tool_use_id": MARKER, "content": MARKER}
    return {
        "model": CLAUDE,
        "max_tokens": 2000,
        "system": [{"type": "text", "text": MARKER}],
        "metadata": {"user_id": MARKER},
        "thinking": {"type": "adaptive"},
        "tools": [{"name": "f", "description": MARKER, "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": MARKER},
            {"role": "assistant", "content": [thought, used]},
            {"role": "user", "content": [result, {"type": "text", "text": content}]},
        ],
    }


def _completions(content: str) -> dict[str, Any]:
    return {"model": TEXT_MODEL, "user": MARKER, "suffix": MARKER, "prompt": [MARKER, content]}


def _responses(content: str) -> dict[str, Any]:
    called = {"type": "function_call", "call_id": MARKER, "name": MARKER, "arguments": MARKER}
    result = {"type": "function_call_output", "call_id": MARKER, "output": MARKER}
    return {
        "model": MODEL,
        "instructions": MARKER,
        "metadata": {MARKER: MARKER},
        "safety_identifier": MARKER,
        "prompt_cache_key": MARKER,
        "tools": [{"type": "function", "name": "f", "description": MARKER}],
        "input": [called, result, {"role": "user", "content": content}],
    }


def _embeddings(content: str) -> dict[str, Any]:
    return {"model": "text-embedding-3-small", "user": MARKER, "input": [MARKER, content]}


def _moderations(content: str) -> dict[str, Any]:
    return {"input": [MARKER, content]}


CALLS: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "/v1/chat/completions": _chat,
    "/v1/completions": _completions,
    "/v1/responses": _responses,
    "/v1/embeddings": _embeddings,
    "/v1/moderations": _moderations,
    "/v1/messages": _messages,
}
"""What can be said in each call; the text is the last user message."""
_ABOUT_ITSELF: Final = {
    "Host": MARKER,
    "Origin": MARKER,
    "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    "tracestate": f"vendor={MARKER}",
    "x-stainless-retry-count": MARKER,
    "anthropic-beta": MARKER,
}
"""What a client says of itself: of some of it what has the right form is kept."""


def test_each_public_statement_of_what_is_not_stored_is_put_to_the_test() -> None:
    """Who adds a sentence to the public document says where the drill shows that it is true."""
    assert {each.id for each in NOT_STORED} == {*SAID_IN, *_SHOWN_ELSEWHERE}
    said = {name for body_of in CALLS.values() for name in _said_in(body_of(MARKER))}
    assert {name for names in SAID_IN.values() for name in names} - said == set()


def _said_in(said: Any) -> Iterator[str]:
    """Names of fields, and kinds of content, that have the marker somewhere below them."""
    if isinstance(said, list):
        for each in said:
            yield from _said_in(each)
    elif isinstance(said, dict) and MARKER in json.dumps(said):
        yield from (kind for name, kind in said.items() if name == "type")
        for name, below in said.items():
            if MARKER in json.dumps(below):
                yield name
            yield from _said_in(below)


async def test_what_was_said_is_found_nowhere(drill_stack: Stack, operator: Operator) -> None:
    """In prompts, tools, answers, `user`, `metadata`, model names, queries, upstream errors."""
    customer = await operator.customer(quota_units=50_000_000)
    url = f"{drill_stack.relay_url()}/v1/chat/completions"
    headers = {"Authorization": f"Bearer {customer.api_key}", **_ABOUT_ITSELF}
    behaviours: list[dict[str, object]] = [
        {"echo_prompt": True},
        {"echo_prompt_in_error": True, "status": 400},
        {"echo_prompt_in_error": True, "status": 500},
        {"echo_prompt_in_error": True, "status": 429},
        {"echo_prompt": True, "malformed_json": True},
        {"echo_prompt": True, "no_usage": True},
        {"echo_prompt": True, "cut_after_events": 3},
        {"echo_prompt_in_error": True, "error_event_mid_stream": True},
        {"echo_prompt": True, "usage_strings": True},
        {"echo_prompt": True, "cut_body_at": 50},
        {"reset": True},
    ]
    answers = Counter(dict.fromkeys(CALLS, 0))
    async with aiohttp.ClientSession() as http:
        for behaviour in behaviours:
            for stream in (False, True):
                content = f"{MARKER} [[simulate {json.dumps(behaviour)}]]"
                for path, body_of in CALLS.items():
                    body = json.dumps({"stream": stream, **body_of(content)}).encode()
                    answers[path] += await _marked(
                        http, drill_stack.relay_url() + path, headers, body
                    )
        messages = [{"role": "user", "content": MARKER}]
        strange = [
            json.dumps({"model": MARKER, "messages": messages}),
            json.dumps({"model": MODEL, "messages": messages, "n": MARKER}),
            json.dumps({"model": MODEL, "MODEL": MARKER, "messages": messages}),
            json.dumps({"model": MODEL, "messages": MARKER}),
            json.dumps({"model": MODEL, "messages": messages, "max_tokens": MARKER}),
            json.dumps({"model": MODEL, "input": MARKER, "previous_response_id": MARKER}),
            json.dumps({"model": MODEL, "input": MARKER, "tools": [{"type": MARKER}]}),
            json.dumps({"model": TEXT_MODEL, "prompt": {MARKER: MARKER}}),
            json.dumps({"input": {MARKER: MARKER}}),
            f'{{"model": "{MODEL}", "messages": ["{MARKER}"',
            f'"{MARKER}"',
        ]
        for raw in strange:
            for path in CALLS:
                await _marked(http, drill_stack.relay_url() + path, headers, raw.encode())
        model_url = f"{drill_stack.relay_url()}/v1/models/{MARKER}"
        await _marked(http, model_url, headers, b"", "GET")
        await _marked(http, f"{url}?prompt={MARKER}", headers, b"{}")
        await _marked(http, f"{drill_stack.relay_url()}/v1/{MARKER}", headers, b"{}")
        await _marked(http, url, {"Authorization": f"Bearer sk-{MARKER}"}, b"{}")
        for path in ("/api/log/self", "/api/log/", "/api/user/self", "/api/billing/account"):
            await _marked(
                http, f"{drill_stack.relay_url()}{path}?keyword={MARKER}", headers, b"{}", "GET"
            )
    for path, carried in answers.items():
        # Vectors and verdicts repeat nothing: there only errors do.
        assert carried >= 4, f"no answer of {path} carried the marker: the drill shows nothing"
    await caught_up(drill_stack)
    await assert_nowhere(drill_stack, MARKER)


async def _marked(
    http: aiohttp.ClientSession,
    url: str,
    headers: dict[str, str],
    body: bytes,
    method: str = "POST",
) -> bool:
    try:
        async with http.request(method, url, data=body, headers=headers) as response:
            return MARKER.encode() in await response.read()
    except aiohttp.ClientError:
        return False

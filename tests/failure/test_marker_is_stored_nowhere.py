"""I4: a marker put into whatever a client can say is found in no table, topic, file or log."""

import json

import aiohttp

from deploy.local.stack import Stack
from tests.failure.marker import MARKER, assert_nowhere
from tests.gateway.counting import caught_up
from tests.gateway.operator import MODEL, Operator


async def test_what_was_said_is_found_nowhere(drill_stack: Stack, operator: Operator) -> None:
    """In prompts, tools, answers, `user`, `metadata`, model names, queries, upstream errors."""
    customer = await operator.customer(quota_units=50_000_000)
    url = f"{drill_stack.relay_url()}/v1/chat/completions"
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    said = {
        "model": MODEL,
        "user": MARKER,
        "metadata": {MARKER: MARKER},
        "tools": [{"type": "function", "function": {"name": "f", "description": MARKER}}],
    }
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
    answers = 0
    async with aiohttp.ClientSession() as http:
        for behaviour in behaviours:
            for stream in (False, True):
                content = f"{MARKER} [[simulate {json.dumps(behaviour)}]]"
                body = {
                    **said,
                    "stream": stream,
                    "messages": [
                        {"role": "system", "content": MARKER},
                        {"role": "user", "content": content},
                    ],
                }
                answers += await _marked(http, url, headers, json.dumps(body).encode())
        messages = [{"role": "user", "content": MARKER}]
        strange = [
            json.dumps({"model": MARKER, "messages": messages}),
            json.dumps({"model": MODEL, "messages": messages, "n": MARKER}),
            json.dumps({"model": MODEL, "MODEL": MARKER, "messages": messages}),
            json.dumps({"model": MODEL, "messages": MARKER}),
            f'{{"model": "{MODEL}", "messages": ["{MARKER}"',
            f'"{MARKER}"',
        ]
        for raw in strange:
            await _marked(http, url, headers, raw.encode())
        await _marked(http, f"{url}?prompt={MARKER}", headers, b"{}")
        await _marked(http, f"{drill_stack.relay_url()}/v1/{MARKER}", headers, b"{}")
        await _marked(http, url, {"Authorization": f"Bearer sk-{MARKER}"}, b"{}")
        for path in ("/api/log/self", "/api/log/", "/api/user/self", "/api/billing/account"):
            await _marked(
                http, f"{drill_stack.relay_url()}{path}?keyword={MARKER}", headers, b"{}", "GET"
            )
    assert answers >= 4, "no answer carried the marker: the drill shows nothing"
    await caught_up(drill_stack)
    await assert_nowhere(drill_stack)


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

"""`/api/requests` through the public door, of a real request: no column is left out."""

import asyncio
import csv
import io
import json
from dataclasses import replace
from typing import Any, Final

import aiohttp
import pytest

from deploy.local.stack import Stack
from services.logging.requests.shown import COLUMNS, NEVER_KNOWN
from shared.events.limits import RequestLimits
from tests.gateway.limits import limit_key
from tests.gateway.operator import MODEL, Customer, Operator

_LIMITS: Final = RequestLimits(requests_per_minute=50, tokens_per_minute=10_000_000)
_HEADERS: Final = {
    "User-Agent": "OpenAI/Python 2.1.0",
    "Origin": "https://chat.example.com",
    "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    "x-stainless-retry-count": "2",
}
_OF_ERRORS: Final = {"error_code", "error_message"}


@pytest.fixture
async def customer(stack: Stack, operator: Operator) -> Customer:
    """One whose key is of a project, and has limits."""
    made = await operator.customer(quota_units=10_000_000)
    token = await operator.sign_in(made.username, made.password)
    project = await operator.call("POST", "/api/project/", {"name": "search"}, token=token)
    body = {"name": "of a project", "unlimited_quota": True, "project_id": project["id"]}
    key = await operator.call("POST", "/api/token/", body, token=token)
    made = replace(made, api_key=key["key"], key_id=key["id"])
    await limit_key(stack, made, _LIMITS)
    return made


async def ask(stack: Stack, customer: Customer, *, status: int = 200, **body: Any) -> str:
    """One chat; its request id."""
    messages = [{"role": "user", "content": body.pop("content", "hi")}]
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{stack.relay_url()}/v1/chat/completions?api-version=1",
            json={"model": MODEL, "max_tokens": 16, "messages": messages, **body},
            headers={"Authorization": f"Bearer {customer.api_key}", **_HEADERS},
        ) as response,
    ):
        await response.read()
        assert response.status == status
        return response.headers["x-request-id"]


async def shown(operator: Operator, request_id: str, *, token: str | None = None) -> Any:
    """The request, as soon as it is written."""
    async with asyncio.timeout(30):
        while True:
            _, answer = await operator.answer("GET", f"/api/requests/{request_id}", token=token)
            if answer["success"]:
                return answer["data"]
            await asyncio.sleep(0.1)


async def test_every_column_of_a_request_is_filled_or_known_to_be_empty(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    request_id = await ask(stack, customer)
    found = await shown(operator, request_id)
    empty = {name for name in COLUMNS if found[name] is None}
    assert empty <= NEVER_KNOWN | _OF_ERRORS
    told = {
        "trace_id": "a" * 32,
        "parent_span_id": "b" * 16,
        "origin": "https://chat.example.com",
        "request_host": stack.relay_url().removeprefix("http://"),
        "request_client": "openai-python",
        "is_retry": True,
        "retry_count": 0,
        "query_params": "api-version",
        "rate_limited": False,
        "status_code": 200,
        "username": customer.username,
    }
    assert {name: found[name] for name in told} == told
    assert found["request_size_bytes"] > 50
    assert found["response_size_bytes"] > 50
    assert found["latency_ms"] >= found["upstream_latency_ms"]
    assert found["charge"]["rated_quota"] == found["quota"] > 0
    assert found["attempts"][0]["http_status"] == 200
    assert found["limits"]


async def test_a_failed_one_says_why_and_a_retried_one_how_often(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    request_id = await ask(stack, customer, status=400, content='[[simulate {"status": 400}]]')
    found = await shown(operator, request_id)
    assert (found["status_code"], found["error_code"]) == (400, "upstream_client_error")
    assert found["error_message"]
    assert found["cost_cents"] == "0.000000"


async def test_a_user_a_key_and_a_file_say_the_same(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    token = await operator.sign_in(customer.username, customer.password)
    wanted = [await ask(stack, customer), await ask(stack, customer)]
    for request_id in wanted:
        await shown(operator, request_id, token=token)
    own = await operator.call("GET", "/api/requests?model=gpt%25", token=token)
    assert [item["request_id"] for item in own["items"]] == wanted[::-1]
    of_key = await operator.call("GET", "/api/requests", token=customer.api_key)
    assert of_key["items"] == own["items"]
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        url = f"{stack.relay_url()}/api/requests/export"
        async with http.get(url, params={"format": "jsonl"}) as response:
            lines = (await response.text()).splitlines()
        assert [json.loads(line) for line in lines] == own["items"]
        async with http.get(url) as response:
            rows = list(csv.DictReader(io.StringIO(await response.text())))
        assert [row["request_id"] for row in rows] == wanted[::-1]
    stranger = await operator.customer(quota_units=0)
    other = await operator.sign_in(stranger.username, stranger.password)
    status, answer = await operator.answer("GET", f"/api/requests/{wanted[0]}", token=other)
    assert (status, answer["success"]) == (200, False)


async def test_a_user_watches_through_the_door(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    token = await operator.sign_in(customer.username, customer.password)
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.get(
            f"{stack.relay_url()}/api/requests/stream", timeout=aiohttp.ClientTimeout(60)
        ) as response,
    ):
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert await response.content.readline() == b"retry: 3000\n"
        request_id = await ask(stack, customer)
        async for line in response.content:
            if line.startswith(b"data: "):
                break
    item = json.loads(line.removeprefix(b"data: "))
    assert item["request_id"] == request_id
    stored = await shown(operator, request_id, token=token)
    assert {name: stored[name] for name in item if name != "id"} == {
        name: value for name, value in item.items() if name != "id"
    }

"""A request goes in; a charge, a log row and a metric come out."""

import asyncio
import json
from typing import Any

import aiohttp
import openai
import pytest

from deploy.local.stack import Stack
from tests.gateway.counting import count
from tests.gateway.operator import MODEL, Customer, Operator


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=5_000_000)


async def ask(
    stack: Stack, customer: Customer, *, body: dict[str, Any] | bytes, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{stack.relay_url()}/v1/chat/completions",
            data=raw,
            headers={"Authorization": f"Bearer {customer.api_key}", **headers},
        ) as response,
    ):
        named = {name.lower(): value for name, value in response.headers.items()}
        return response.status, named, await response.read()


def chat(content: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": content}], **fields}


async def test_the_charge_can_be_added_up_by_hand(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    """1,000 prompt of which 400 cached, 500 completion, at gpt-4o-mini's public prices."""
    simulated = "[[simulate " + json.dumps({"completion_tokens": 500, "cached_tokens": 400}) + "]]"
    content = simulated + "x" * (4000 - len(simulated))
    status, headers, _ = await ask(stack, customer, body=chat(content), headers={})
    assert status == 200
    of = {headers["x-request-id"]}
    counted = await count(stack, workspace_id=customer.workspace_id, of=of)
    event = counted.events[headers["x-request-id"]]
    assert event["usage"]["prompt_tokens"] == 1000
    assert event["usage"]["cached_tokens"] == 400
    # (600 + 400 · 0.5 + 500 · 4) · 0.075 · 1 = 210
    assert event["quota"] == 210
    assert counted.charged_units[headers["x-request-id"]] == 210
    token = await operator.sign_in(customer.username, customer.password)
    account = await operator.call("GET", "/api/billing/account", token=token)
    assert account["balance_units"] == 5_000_000 - 210
    page = await operator.call("GET", "/api/log/self?type=2", token=token)
    assert page["total"] == 1
    row = page["items"][0]
    assert (row["quota"], row["prompt_tokens"], row["completion_tokens"]) == (210, 1000, 500)
    assert row["request_id"] == headers["x-request-id"]
    assert row["channel_name"] == ""
    assert "admin_info" not in json.loads(row["other"])


async def test_a_repeated_request_id_of_the_clients_is_charged_each_time(
    stack: Stack, customer: Customer
) -> None:
    same = {"x-request-id": "11111111-1111-4111-8111-111111111111"}
    ids = set()
    for _ in range(3):
        status, headers, _ = await ask(stack, customer, body=chat(), headers=same)
        assert status == 200
        ids.add(headers["x-request-id"])
    assert len(ids) == 3
    counted = await count(stack, workspace_id=customer.workspace_id, of=ids)
    assert all(counted.charges[request_id] == 1 for request_id in ids)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"gpt-4o-mini","model":"gpt-4.1","messages":[]}',
        b'{"model":"gpt-4o-mini","Model":"gpt-4.1","messages":[]}',
        b'{"model":"gpt-4o-mini","messages":[],"stream":true,"stream":false}',
        b'{"model":"gpt-4o-mini","messages":[],"Stream":true}',
        b'{"model":"gpt-4o-mini","messages":[],"max_tokens":1,"max_tokens":100000}',
        b'{"model":"gpt-4o-mini","messages":[],"MAX_TOKENS":1}',
        b'{"model":"gpt-4o-mini","messages":[],"max_tokens":"12"}',
        b'{"model":"gpt-4o-mini","messages":[],"n":1000000000000000000000}',
        b'{"model":"\\u0000","messages":[]} trailing',
        b"\xff\xfe",
        b"",
    ],
)
async def test_what_could_be_read_in_two_ways_is_refused(
    stack: Stack, customer: Customer, body: bytes
) -> None:
    status, headers, answer = await ask(stack, customer, body=body, headers={})
    assert status == 400, answer
    assert json.loads(answer)["error"]["code"] == "invalid_request"
    assert headers["x-request-id"]


async def test_hostile_values_neither_stop_the_journal_nor_lose_a_charge(
    stack: Stack, customer: Customer
) -> None:
    """NUL and odd characters, a long model name, a long user agent, 10^18 tokens reported."""
    strange = [
        chat("\x00\x01 \u202e"),
        chat("[[simulate " + json.dumps({"usage_huge": True}) + "]]"),
        chat("[[simulate " + json.dumps({"usage_negative": True}) + "]]"),
        chat("[[simulate " + json.dumps({"usage_strings": True}) + "]]"),
        chat(user="\x00" * 100),
    ]
    ids = []
    for body in strange:
        agent = {"User-Agent": "agent\tx" * 900, "X-Ledgerline-Tags": "team=search"}
        status, headers, answer = await ask(stack, customer, body=body, headers=agent)
        assert status == 200, answer
        ids.append(headers["x-request-id"])
    status, _, _ = await ask(stack, customer, body=chat() | {"model": "m" * 1_000_000}, headers={})
    assert status == 404
    huge = {"User-Agent": "u" * 1_000_000}
    assert await _status(stack, customer, huge) == 431, "refused before anything was admitted"
    status, _, _ = await ask(
        stack, customer, body=b'{"model":"gpt-4o-mini","messages":["\\ud800"]}', headers={}
    )
    assert status in (200, 400)
    counted = await count(stack, workspace_id=customer.workspace_id, of=ids)
    for request_id in ids:
        event = counted.events[request_id]
        assert counted.charges[request_id] == 1
        assert len(event["user_agent"]) <= 256
        assert event["tags"] == {"team": "search"}
    sources = [counted.events[request_id]["usage_source"] for request_id in ids]
    assert sources == ["provider", "estimated", "estimated", "provider", "provider"]


async def _status(stack: Stack, customer: Customer, headers: dict[str, str]) -> int:
    status, _, _ = await ask(stack, customer, body=chat(), headers=headers)
    return status


async def test_a_client_that_hangs_up_is_billed_what_the_upstream_reports(
    stack: Stack, customer: Customer
) -> None:
    simulated = {"event_interval_ms": 50, "completion_tokens": 77}
    body = chat("[[simulate " + json.dumps(simulated) + "]]", stream=True)
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    async with aiohttp.ClientSession() as http:
        response = await http.post(
            f"{stack.relay_url()}/v1/chat/completions", json=body, headers=headers
        )
        request_id = response.headers["x-request-id"]
        await response.content.readany()
        response.close()
    counted = await count(stack, workspace_id=customer.workspace_id, of={request_id})
    event = counted.events[request_id]
    assert event["outcome"] == "succeeded"
    assert event["client_disconnected"]
    assert event["usage"]["completion_tokens"] == 77
    assert event["usage_source"] == "provider"
    assert counted.charges[request_id] == 1


async def test_the_next_channel_answers_where_the_first_cannot(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    """A dead channel of higher priority: tried once, left out, and visible in the event."""
    dead = await operator.channel(
        name="dead", base_url="http://127.0.0.1:9", priority=10, models=["gpt-4.1-nano"]
    )
    try:
        async with asyncio.timeout(60):
            attempts: list[dict[str, Any]] = []
            while len(attempts) != 2:
                status, headers, _ = await ask(
                    stack, customer, body=chat() | {"model": "gpt-4.1-nano"}, headers={}
                )
                assert status == 200
                of = {headers["x-request-id"]}
                counted = await count(stack, workspace_id=customer.workspace_id, of=of)
                attempts = counted.events[headers["x-request-id"]]["attempts"]
    finally:
        await operator.call("DELETE", f"/api/channel/{dead}")
    assert attempts[0]["channel_id"] == dead
    assert attempts[0]["error_code"] == "upstream_connection"
    assert attempts[1]["error_code"] is None


async def test_a_model_without_a_price_is_refused(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    """Never free; and free only where its price is set to 0."""
    model = {"name": "unpriced", "groups": ["default"], "max_output_tokens": 100}
    await operator.call("POST", "/api/models/", model)
    await operator.channel(models=["unpriced"], model_mapping={"unpriced": "gpt-4o-mini"})
    body = chat() | {"model": "unpriced"}
    async with asyncio.timeout(20):
        while True:
            status, _, answer = await ask(stack, customer, body=body, headers={})
            if status != 404:
                break
    assert (status, json.loads(answer)["error"]["code"]) == (503, "model_price_not_set")
    free = {"model_ratio": 0, "completion_ratio": 0}
    await operator.call("PUT", "/api/prices/unpriced", free)
    async with asyncio.timeout(20):
        while status != 200:
            status, headers, _ = await ask(stack, customer, body=body, headers={})
    counted = await count(stack, workspace_id=customer.workspace_id)
    event = counted.events[headers["x-request-id"]]
    assert event["quota"] == 0
    assert event["is_model_mapped"]
    assert event["upstream_model"] == "gpt-4o-mini"
    assert counted.charges[headers["x-request-id"]] == 1, "a succeeded request at 0 has an entry"


async def test_a_balance_that_is_short_says_what_it_would_cover(
    stack: Stack, operator: Operator
) -> None:
    poor = await operator.customer(quota_units=100)
    status, _, answer = await ask(stack, poor, body=chat(max_tokens=1_000_000), headers={})
    error = json.loads(answer)["error"]
    assert (status, error["code"]) == (403, "insufficient_user_quota")
    covered = int(error["message"].split("`max_tokens` up to ")[1].split(".")[0])
    status, _, _ = await ask(stack, poor, body=chat(max_tokens=covered), headers={})
    assert status == 200


async def test_metrics_tell_of_the_request(stack: Stack, client: openai.AsyncOpenAI) -> None:
    await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "hello"}]
    )
    url = f"{stack.internal_url('relay')}/metrics"
    told = 'ledgerline_relay_requests_total{error_code="",model="gpt-4o-mini"'
    async with aiohttp.ClientSession() as http, asyncio.timeout(30):
        while True:
            async with http.get(url) as response:
                if told in await response.text():
                    break
            await asyncio.sleep(0.05)
    for service in ("control", "billing", "logging"):
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{stack.internal_url(service)}/metrics") as response,
        ):
            assert response.status == 200
            assert "ledgerline_" in await response.text()

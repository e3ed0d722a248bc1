"""What a past hour would have cost: billing's own run, its entries and the topic say the same."""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
import pytest

from deploy.local.stack import Stack
from tests.gateway.catching_up import caught_up
from tests.gateway.load import Clients
from tests.gateway.operator import CLAUDE, MODEL, Customer, Operator

_DEADLINE_S = 60
FIGURES = ("requests", "old_units", "new_units", "difference_units", "not_rateable")


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=10**8)


async def use(stack: Stack, customer: Customer) -> None:
    """Streams and plain answers, and of another model and dialect."""
    clients = Clients([stack.relay_url()], [customer.api_key], count=4)
    async with clients.running():
        await clients.at_least(40)
    body = {
        "model": CLAUDE,
        "max_tokens": 16,
        "messages": [{"role": "user", "content": "hello"}],
    }
    headers = {"x-api-key": customer.api_key, "anthropic-version": "2023-06-01"}
    async with aiohttp.ClientSession() as http:
        for _ in range(3):
            async with http.post(
                f"{stack.relay_url()}/v1/messages", json=body, headers=headers
            ) as response:
                assert response.status == 200, await response.text()


async def said(stack: Stack, source: str, *arguments: object) -> dict[str, Any]:
    """The command's answer."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "operations.what_if", "--from", source, "--format", "json"),
        *("--kafka", stack.kafka_bootstrap, "--postgres-dsn", stack.dsn("reconcile")),
        *(str(argument) for argument in arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    answer: dict[str, Any] = json.loads(out)
    return answer


async def run_of(operator: Operator, body: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Billing's own run, and its results."""
    run = await operator.call("POST", "/api/billing/what-if", body)
    path = f"/api/billing/what-if/{run['run_id']}"
    async with asyncio.timeout(_DEADLINE_S):
        while run["state"] != "rated":
            await asyncio.sleep(0.1)
            run = await operator.call("GET", path)
    return run, (await operator.call("GET", f"{path}/results"))["items"]


async def test_the_call_the_entries_and_the_topic_say_the_same(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    since = int(time.time())
    await use(stack, customer)
    await caught_up(stack)
    until = int(time.time()) + 1
    while time.time() <= until:
        await asyncio.sleep(0.05)
    prices = {MODEL: {"model_ratio": "7.5", "completion_ratio": "3"}}
    draft = await operator.call(
        "POST", "/api/prices/drafts", {"name": "e2e", "source": "file", "prices": prices}
    )
    draft_id = draft["draft_id"]
    try:
        body = {
            "from": since,
            "to": until,
            "workspace_id": customer.workspace_id,
            "price": {"draft_id": draft_id},
        }
        run, results = await run_of(operator, body)
        period = ("--since", since, "--until", until, "--workspace", customer.workspace_id)
        entries, topic = [
            await said(stack, source, *period, "--draft", draft_id)
            for source in ("entries", "kafka")
        ]
    finally:
        await operator.call("DELETE", f"/api/prices/drafts/{draft_id}")

    assert run["requests"] >= 43
    assert {row["model"] for row in results} == {MODEL, CLAUDE}
    dearer = {row["model"]: row["difference_units"] for row in results}
    assert (dearer[MODEL] > 0, dearer[CLAUDE]) == (True, 0)
    assert entries["results"] == topic["results"] == results
    for name in FIGURES:
        assert entries[name] == topic[name] == run[name], name

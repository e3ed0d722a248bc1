"""200 concurrent requests on an account that can pay for 10, through four relays (promise 2)."""

import asyncio
import json
import signal
from collections import Counter
from typing import Any

import aiohttp
import asyncpg
import pytest

from deploy.local.stack import Stack
from tests.gateway.counting import count, reconcile
from tests.gateway.operator import MODEL, Customer, Operator

# gpt-4o-mini: model ratio 0.075, completion ratio 4, group ratio 1.
_MAX_TOKENS = 1000
_REQUESTS = 200


def _body(simulate: dict[str, Any], *, max_tokens: int | None) -> bytes:
    content = f"[[simulate {json.dumps(simulate)}]]"
    body: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": content}]}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    return json.dumps(body).encode()


def _hold_units(body: bytes, max_tokens: int | None) -> int:
    """Written out, apart from the code under test: bytes + 4 · output, times 0.075, half up."""
    output = 16_384 if max_tokens is None else max_tokens
    return ((len(body) + 4 * output) * 75 + 500) // 1000


async def _storm(stack: Stack, customer: Customer, body: bytes) -> tuple[Counter[int], set[str]]:
    statuses: Counter[int] = Counter()
    whole: set[str] = set()

    async def one(http: aiohttp.ClientSession, number: int) -> None:
        headers = {
            "Authorization": f"Bearer {customer.api_key}",
            "Content-Type": "application/json",
        }
        url = stack.relay_url(number % 4) + "/v1/chat/completions"
        async with http.post(url, data=body, headers=headers) as response:
            await response.read()
            statuses[response.status] += 1
            if response.status == 200:
                whole.add(response.headers["x-request-id"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await asyncio.gather(*(one(http, number) for number in range(_REQUESTS)))
    return statuses, whole


async def _account(stack: Stack, customer: Customer) -> tuple[int, int, int]:
    """Balance, the sum of all entries, the sum of the excess of all entries."""
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        balance = await connection.fetchval(
            "SELECT balance_units FROM billing.accounts WHERE workspace_id = $1",
            customer.workspace_id,
        )
        entries = await connection.fetchrow(
            "SELECT sum(amount_units)::bigint, sum(excess_units)::bigint"
            " FROM billing.ledger_entries WHERE workspace_id = $1",
            customer.workspace_id,
        )
        assert entries is not None
        return balance, entries[0], entries[1]
    finally:
        await connection.close()


@pytest.mark.parametrize("kafka", ["up", "down"])
@pytest.mark.parametrize("max_tokens", [_MAX_TOKENS, None], ids=["max_tokens", "no_max_tokens"])
async def test_two_hundred_at_once_cannot_overrun_a_balance_for_ten(
    drill_stack: Stack, operator: Operator, max_tokens: int | None, kafka: str
) -> None:
    """The provider returns the maximum, so that each hold is used to its last unit or nearly."""
    simulate = {"delay_ms": 500, "completion_tokens": max_tokens or 16_384}
    body = _body(simulate, max_tokens=max_tokens)
    hold = _hold_units(body, max_tokens)
    balance = 10 * hold
    customer = await operator.customer(quota_units=balance)
    await _known_everywhere(drill_stack, customer)
    if kafka == "down":
        drill_stack.process("kafka").kill(signal.SIGSTOP)
    try:
        statuses, whole = await _storm(drill_stack, customer, body)
    finally:
        if kafka == "down":
            drill_stack.process("kafka").kill(signal.SIGCONT)
    # 503: billing did not answer a relay in time, on a machine that is busy with the storm.
    assert set(statuses) <= {200, 403, 429, 503}, statuses
    assert 1 <= statuses[200] <= 11, statuses
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=whole)
    served = {i: e for i, e in counted.events.items() if e["outcome"] == "succeeded"}
    assert served.keys() == whole
    assert all(event["hold_quota"] == hold for event in served.values())
    end, entries, excess = await _account(drill_stack, customer)
    assert end == entries
    assert end >= -excess, "the balance was overrun by more than single requests' own excess"
    assert excess == 0, "holds are upper bounds: none was exceeded here"
    assert end >= 0
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def test_an_excess_is_on_its_own_entry(drill_stack: Stack, operator: Operator) -> None:
    """A provider that returns more than was asked for: the overdraft is named, row by row."""
    body = _body({"delay_ms": 300, "completion_tokens": 5_000}, max_tokens=_MAX_TOKENS)
    hold = _hold_units(body, _MAX_TOKENS)
    customer = await operator.customer(quota_units=10 * hold)
    await _known_everywhere(drill_stack, customer)
    _, whole = await _storm(drill_stack, customer, body)
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=whole)
    assert whole
    beyond = {i: counted.charged_units[i] - hold for i in whole}
    assert all(units > 0 for units in beyond.values())
    end, entries, excess = await _account(drill_stack, customer)
    assert end == entries
    assert excess == sum(beyond.values())
    assert end >= -excess
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def _known_everywhere(stack: Stack, customer: Customer) -> None:
    """Each relay knows the key: what is tested is the balance, not the topic's delay."""
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    async with aiohttp.ClientSession() as http, asyncio.timeout(30):
        for relay in range(4):
            while True:
                async with http.get(f"{stack.relay_url(relay)}/v1/models", headers=headers) as got:
                    if got.status == 200:
                        break
                await asyncio.sleep(0.05)

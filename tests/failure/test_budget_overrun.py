"""400 requests at once, through four relays, on a hard budget for fewer (promise 2).

Nothing is killed. Whoever is told to try again does, until the budget itself is short.
"""

import asyncio
import json
from collections import Counter
from typing import Any

import aiohttp

from deploy.local.stack import Stack
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.operator import MODEL, Customer, Operator

_REQUESTS = 400
_MAX_TOKENS = 1000
_RICH = 10**9
_UNITS_PER_CENT = 5_000
_DEADLINE_S = 120
_TRY_AGAIN = {429, 503}


def _body(model: str) -> dict[str, Any]:
    """The provider returns all that it may."""
    simulate = {"delay_ms": 200, "completion_tokens": _MAX_TOKENS}
    content = f"[[simulate {json.dumps(simulate)}]]"
    messages = [{"role": "user", "content": content}]
    return {"model": model, "max_tokens": _MAX_TOKENS, "messages": messages}


async def _ask(
    stack: Stack, customer: Customer, *, requests: int, model: str = MODEL
) -> tuple[Counter[tuple[int, str]], set[str]]:
    """The last answer's status and error code of each, and the ids of the whole ones."""
    told: Counter[tuple[int, str]] = Counter()
    whole: set[str] = set()
    headers = {"Authorization": f"Bearer {customer.api_key}"}

    async def one(http: aiohttp.ClientSession, number: int) -> None:
        url = stack.relay_url(number % 4) + "/v1/chat/completions"
        while True:
            async with http.post(url, json=_body(model), headers=headers) as response:
                answer = await response.json()
                if response.status in _TRY_AGAIN:
                    # None where a price is on its way.
                    await asyncio.sleep(int(response.headers.get("Retry-After", "1")))
                    continue
                told[response.status, answer.get("error", {}).get("code", "")] += 1
                if response.status == 200:
                    whole.add(response.headers["x-request-id"])
                return

    connector = aiohttp.TCPConnector(limit=0)
    async with asyncio.timeout(_DEADLINE_S), aiohttp.ClientSession(connector=connector) as http:
        await asyncio.gather(*(one(http, number) for number in range(requests)))
    return told, whole


async def _budget(operator: Operator, customer: Customer, **fields: Any) -> int:
    made = await operator.call(
        "POST",
        "/api/billing/budgets",
        {
            "workspace_id": customer.workspace_id,
            "name": "hard",
            "period": "YEARLY",
            "is_hard_limit": True,
            **fields,
        },
    )
    budget_id: int = made["id"]
    return budget_id


async def _until_held(stack: Stack, customer: Customer, budget_id: int, model: str) -> set[str]:
    """Ask each relay until its requests are held of the budget; the ids of what it answered.

    Each hears of it by itself, and lets requests through until then.
    """
    asked: set[str] = set()
    async with asyncio.timeout(_DEADLINE_S), aiohttp.ClientSession() as http:
        for relay in range(4):
            subjects: set[str] = set()
            while f"budget:{budget_id}" not in subjects:
                request_id = await _ask_one_token(stack, http, customer, relay, model)
                asked.add(request_id)
                of = {request_id}
                counted = await count(stack, workspace_id=customer.workspace_id, of=of)
                subjects = {used["subject"] for used in counted.events[request_id]["leases"]}
    return asked


async def _ask_one_token(
    stack: Stack, http: aiohttp.ClientSession, customer: Customer, relay: int, model: str
) -> str:
    """Of one relay, until it answers; the answer's id."""
    url = f"{stack.relay_url(relay)}/v1/chat/completions"
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    while True:
        async with http.post(
            url, json={**_body(model), "max_tokens": 1}, headers=headers
        ) as answer:
            await answer.read()
            if answer.status == 200:
                return answer.headers["x-request-id"]
        await asyncio.sleep(0.1)


async def test_four_hundred_at_once_cannot_overrun_a_budget_for_fewer(
    drill_stack: Stack, operator: Operator
) -> None:
    customer = await operator.customer(quota_units=_RICH)
    amount_cents = 6
    budget_id = await _budget(operator, customer, amount_cents=amount_cents)
    before = await _until_held(drill_stack, customer, budget_id, MODEL)
    told, whole = await _ask(drill_stack, customer, requests=_REQUESTS)

    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=whole | before)
    assert_exactly_once(counted, whole | before, in_flight=0)
    served = counted.succeeded()
    spent = sum(counted.events[i]["quota"] for i in served)
    hold = max(counted.events[i]["hold_quota"] for i in served)
    assert told == {(200, ""): len(whole), (403, "budget_exceeded"): _REQUESTS - len(whole)}
    amount = amount_cents * _UNITS_PER_CENT
    assert amount - hold < spent <= amount, "neither overrun nor refused while it would do"
    shown = await operator.call("GET", f"/api/billing/budgets/{budget_id}")
    assert round(shown["current_spent_cents"] * _UNITS_PER_CENT) == spent, shown
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def test_a_spent_provider_s_channels_are_passed_over(
    drill_stack: Stack, operator: Operator
) -> None:
    """Two providers serve a model; the first has a budget. Every request is answered."""
    customer = await operator.customer(quota_units=_RICH)
    model, amount_cents = "budgeted-model", 2
    fields = {"name": model, "groups": ["default"], "max_output_tokens": _MAX_TOKENS}
    await operator.call("POST", "/api/models/", fields)
    await operator.call("PUT", f"/api/prices/{model}", {"model_ratio": "0.3"})
    mapping = {"models": [model], "model_mapping": {model: MODEL}}
    await operator.channel(**mapping, provider="budgeted-one", priority=9)
    await operator.channel(**mapping, provider="budgeted-two", priority=1)
    first = await _ask_until_served(drill_stack, customer, model, provider="budgeted-one")
    provider_id = first["provider_id"]
    budget_id = await _budget(
        operator, customer, amount_cents=amount_cents, provider_id=provider_id
    )
    before = await _until_held(drill_stack, customer, budget_id, model)
    told, whole = await _ask(drill_stack, customer, requests=_REQUESTS, model=model)

    assert told == {(200, ""): _REQUESTS}
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=whole | before)
    by_provider: Counter[int] = Counter()
    for request_id in counted.succeeded():  # who came before the channels was refused
        event = counted.events[request_id]
        by_provider[event["provider_id"]] += event["quota"]
    amount = amount_cents * _UNITS_PER_CENT
    assert whole <= counted.succeeded()
    assert amount / 2 < by_provider[provider_id] <= amount
    assert len(by_provider) == 2
    shown = await operator.call("GET", f"/api/billing/budgets/{budget_id}")
    assert round(shown["current_spent_cents"] * _UNITS_PER_CENT) == by_provider[provider_id]
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def _ask_until_served(
    stack: Stack, customer: Customer, model: str, *, provider: str
) -> dict[str, Any]:
    """The event of the first answer of a provider: model and channels are on their way."""
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            _, whole = await _ask(stack, customer, requests=1, model=model)
            counted = await count(stack, workspace_id=customer.workspace_id, of=whole)
            for request_id in whole:
                event = counted.events[request_id]
                if event["provider"] == provider:
                    return event
            await asyncio.sleep(0.1)

"""What each of OpenAI's calls costs, added up by hand at public prices."""

import json
from typing import Any

import aiohttp
import pytest

from deploy.local.stack import Stack
from tests.gateway.counting import count
from tests.gateway.operator import MODEL, Customer, Operator

TEXT_MODEL = "gpt-3.5-turbo-instruct"
START_UNITS = 5_000_000


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=START_UNITS)


def simulate(size: int, **behaviour: object) -> str:
    marker = f"[[simulate {json.dumps(behaviour)}]]" if behaviour else ""
    return marker + "x" * (size - len(marker))


async def ask(stack: Stack, customer: Customer, path: str, **body: Any) -> tuple[str, bytes]:
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{stack.relay_url()}{path}",
            json=body,
            headers={"Authorization": f"Bearer {customer.api_key}"},
        ) as response,
    ):
        answer = await response.read()
        assert response.status == 200, answer
        return response.headers["x-request-id"], answer


# (path, body, prompt and completion tokens, quota)
CALLS: dict[str, tuple[str, dict[str, Any], tuple[int, int], int]] = {
    # $1.50 and $2.00 a million: (2 · 100 + 2 · 3 · 50 · 4/3) · 0.75 = 450
    "completions": (
        "/v1/completions",
        {
            "model": TEXT_MODEL,
            "prompt": [simulate(400, events=50), simulate(400)],
            "n": 2,
            "best_of": 3,
        },
        (200, 300),
        450,
    ),
    # (1,000 + 500 · 4/3) · 0.75 = 1,250
    "a streamed completion": (
        "/v1/completions",
        {
            "model": TEXT_MODEL,
            "prompt": simulate(4_000, completion_tokens=500),
            "stream": True,
        },
        (1_000, 500),
        1_250,
    ),
    # $0.02 a million: 20,000 · 0.01 = 200
    "embeddings": (
        "/v1/embeddings",
        {"model": "text-embedding-3-small", "input": ["x" * 20_000] * 4},
        (20_000, 0),
        200,
    ),
    # $0.13 a million: 1,000 · 0.065 = 65
    "embeddings of tokens": (
        "/v1/embeddings",
        {"model": "text-embedding-3-large", "input": [[7] * 500, [8] * 500]},
        (1_000, 0),
        65,
    ),
    "moderations": ("/v1/moderations", {"input": "x" * 4_000}, (0, 0), 0),
    # gpt-4o-mini, as in docs/rating.md: (600 + 400 · 0.5 + 500 · 4) · 0.075 = 210
    "a response": (
        "/v1/responses",
        {"model": MODEL, "input": simulate(4_000, completion_tokens=500, cached_tokens=400)},
        (1_000, 500),
        210,
    ),
    "a streamed response": (
        "/v1/responses",
        {
            "model": MODEL,
            "stream": True,
            "instructions": "y" * 2_000,
            "input": simulate(2_000, completion_tokens=500, cached_tokens=400),
        },
        (1_000, 500),
        210,
    ),
    # (500 + 8 · 4) · 0.075 = 39.9: 40
    "a response that its limit ended": (
        "/v1/responses",
        {"model": MODEL, "input": "x" * 2_000, "max_output_tokens": 8, "stream": True},
        (500, 8),
        40,
    ),
}


async def test_each_charge_can_be_added_up_by_hand(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    asked = {
        name: await ask(stack, customer, path, **body) for name, (path, body, *_) in CALLS.items()
    }
    of = {request_id for request_id, _ in asked.values()}
    counted = await count(stack, workspace_id=customer.workspace_id, of=of)
    for name, (path, body, tokens, quota) in CALLS.items():
        request_id, _ = asked[name]
        event = counted.events[request_id]
        usage = event["usage"]
        if name != "moderations":  # they tell no usage: their tokens are an estimate, at no price
            assert (usage["prompt_tokens"], usage["completion_tokens"]) == tokens, name
            assert event["usage_source"] == "provider", name
        assert event["quota"] == counted.charged_units[request_id] == quota, name
        assert event["quota"] <= event["hold_quota"], name
        assert (event["path"], event["outcome"]) == (path, "succeeded"), name
        assert event["requested_model"] == body.get("model", "omni-moderation-latest"), name
    token = await operator.sign_in(customer.username, customer.password)
    account = await operator.call("GET", "/api/billing/account", token=token)
    spent = sum(quota for *_, quota in CALLS.values())
    assert account["balance_units"] == START_UNITS - spent


async def test_what_failed_or_was_cut_is_charged_by_what_was_told(
    stack: Stack, customer: Customer
) -> None:
    said = {"model": MODEL, "instructions": "y" * 2_000}
    failed, _ = await ask(
        stack, customer, "/v1/responses", **said, input=simulate(100, response_failed=True)
    )
    no_usage, _ = await ask(
        stack, customer, "/v1/responses", **said, input=simulate(100, no_usage=True), stream=True
    )
    cut, answer = await ask(
        stack,
        customer,
        "/v1/responses",
        **said,
        input=simulate(100, cut_after_events=9),
        stream=True,
    )
    assert b"event: error" in answer
    assert b"response.completed" not in answer
    of = {failed, no_usage, cut}
    counted = await count(stack, workspace_id=customer.workspace_id, of=of)
    assert counted.events[failed]["outcome"] == "failed"
    assert counted.events[failed]["quota"] == 0
    assert counted.events[no_usage]["outcome"] == "succeeded"
    assert counted.events[cut]["outcome"] == "failed"
    for request_id in (no_usage, cut):
        event = counted.events[request_id]
        assert event["usage_source"] == "estimated"
        assert event["usage"]["prompt_tokens"] > 500
        assert event["usage"]["completion_tokens"] > 0
        assert counted.charged_units[request_id] == event["quota"] > 0

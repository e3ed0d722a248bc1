"""A key's own quota, and a key that goes on to other groups: set by calls, seen at the door."""

import asyncio
import json
from typing import Any

import openai
import pytest

from deploy.local.stack import Stack
from tests.gateway.counting import count
from tests.gateway.operator import MODEL, Customer, Operator

_DEADLINE_S = 30.0
_ASKED = "[[simulate " + json.dumps({"completion_tokens": 1000}) + "]]"


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=5_000_000)


def client(stack: Stack, key: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{stack.relay_url()}/v1", api_key=key, max_retries=0)


async def ask(
    sdk: openai.AsyncOpenAI, model: str = MODEL, *, answered: set[str] | None = None
) -> str | None:
    """One chat of 1,000 tokens; answers the error's code, or null and keeps the id."""
    try:
        answer = await sdk.chat.completions.create(
            model=model, max_tokens=1000, messages=[{"role": "user", "content": _ASKED}]
        )
    except openai.APIStatusError as error:
        return str(error.code)
    if answered is not None:
        answered.add(str(answer._request_id))
    return None


async def until_answered(
    sdk: openai.AsyncOpenAI, model: str = MODEL, *, answered: set[str] | None = None
) -> None:
    """What was set is on its way to the relay and to billing."""
    async with asyncio.timeout(_DEADLINE_S):
        while await ask(sdk, model, answered=answered) is not None:
            await asyncio.sleep(0.1)


async def test_a_key_spends_what_it_was_given_and_no_more(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    token = await operator.sign_in(customer.username, customer.password)
    made = await operator.call(
        "POST",
        "/api/token/",
        {"name": "limited", "unlimited_quota": False, "remain_quota": 1_000},
        token=token,
    )
    path = f"/api/token/{made['id']}"
    async with client(stack, made["key"]) as sdk:
        ids: set[str] = set()
        await until_answered(sdk, answered=ids)
        # Each costs a little above 300 and holds a little more: two are left of the 1,000.
        told = [await ask(sdk, answered=ids) for _ in range(3)]
        assert told == [None, None, "insufficient_user_quota"]
        counted = await count(stack, workspace_id=customer.workspace_id, of=ids)
        spent = sum(e["quota"] for e in counted.events.values() if e["key_id"] == made["id"])
        assert 900 < spent <= 1_000
        shown = await _shown(operator, token, path, used_quota=spent)
        assert (shown["remain_quota"], shown["status"]) == (1_000 - spent, 1)

        # From here on 400 more, whatever was spent before.
        await operator.call("PUT", path, {"id": made["id"], "remain_quota": 400}, token=token)
        await until_answered(sdk)
        assert await ask(sdk) == "insufficient_user_quota"

        # The account has plenty, and another key of it is not concerned.
        async with client(stack, customer.api_key) as other:
            assert await ask(other) is None

        # Another secret is the same key: it spends the same quota.
        rotated = await operator.call("POST", f"{path}/rotate", {"grace_s": 60}, token=token)
        async with client(stack, rotated["key"]) as renewed:
            async with asyncio.timeout(_DEADLINE_S):
                while (code := await ask(renewed)) == "invalid_api_key":
                    await asyncio.sleep(0.1)
            assert code == "insufficient_user_quota"

        await operator.call("PUT", path, {"id": made["id"], "remain_quota": 0}, token=token)
        assert (await _shown(operator, token, path, remain_quota=0))["status"] == 4


async def _shown(operator: Operator, token: str, path: str, **wanted: int) -> dict[str, Any]:
    """The key, once the ledger has told control of what was spent."""
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            shown: dict[str, Any] = await operator.call("GET", path, token=token)
            if wanted.items() <= shown.items():
                return shown
            await asyncio.sleep(0.1)


async def test_a_key_that_may_goes_on_to_another_group_at_that_groups_price(
    stack: Stack, operator: Operator, customer: Customer
) -> None:
    model, group = "crossing-model", "crossing-group"
    await operator.call("POST", "/api/group/", {"name": group, "is_selectable": True})
    await operator.call("PUT", f"/api/prices/groups/{group}", {"ratio": "3"})
    await operator.call(
        "POST",
        "/api/models/",
        {
            "name": model,
            "groups": ["default", group],
            "owned_by": "test",
            "max_output_tokens": 4_096,
        },
    )
    await operator.call("PUT", f"/api/prices/{model}", {"model_ratio": "1"})
    await operator.channel(models=[model], base_url="http://127.0.0.1:9")
    await operator.channel(models=[model], groups=[group])
    token = await operator.sign_in(customer.username, customer.password)
    key = await operator.call(
        "POST",
        "/api/token/",
        {"name": "crosses", "unlimited_quota": True, "cross_group_retry": True},
        token=token,
    )
    async with client(stack, key["key"]) as crossing, client(stack, customer.api_key) as staying:
        ids: set[str] = set()
        await until_answered(crossing, model, answered=ids)
        assert await ask(staying, model) in {"upstream_connection", "no_channel"}

    counted = await count(stack, workspace_id=customer.workspace_id, of=ids)
    crossed = [
        event
        for event in counted.events.values()
        if event["key_id"] == key["id"] and event["outcome"] == "succeeded"
    ]
    assert crossed
    for event in crossed:
        assert (event["group"], event["user_group"]) == (group, "default")
        assert event["rating"]["group_ratio"] == "3"
        used = event["usage"]
        assert event["quota"] == 3 * (used["prompt_tokens"] + used["completion_tokens"])
        assert counted.charged_units[event["request_id"]] == event["quota"]

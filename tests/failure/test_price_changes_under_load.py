"""Prices that change while four relays serve: each request costs what held when it came.

Nothing is killed. The versions are published ahead, as a price list is; relays are not told when
one begins to hold.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import aiohttp

from deploy.local.stack import Stack
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import MODEL, Customer, Operator

_MODEL = "changing-price"
_CLIENTS = 24
_DELAY_MS = 400
_APART = timedelta(seconds=2)
_RATIOS = ("1.25", "7.5", "0.3")
"""Of the three versions; nothing like another, so that no charge could be another's."""
_EARLY = timedelta(seconds=8)
"""Ahead of the first change: long enough for the relays to hear of it."""
_DEADLINE_S = 60


async def test_each_request_is_rated_with_the_version_that_held_at_its_start(
    drill_stack: Stack, operator: Operator
) -> None:
    customer = await operator.customer(quota_units=10**9)
    first = await _priced_model(operator)
    before = await _served_everywhere(drill_stack, customer)
    asked = "[[simulate " + json.dumps({"delay_ms": _DELAY_MS, "completion_tokens": 7}) + "]]"
    clients = Clients(
        [drill_stack.relay_url(number) for number in range(4)],
        [customer.api_key],
        count=_CLIENTS,
        body={"model": _MODEL, "messages": [{"role": "user", "content": asked}]},
    )
    async with clients.running() as got:
        await clients.at_least(2 * _CLIENTS)
        begins = datetime.now(UTC) + _EARLY
        versions = [first]
        for number, ratio in enumerate(_RATIOS[1:]):
            effective_from = begins + number * _APART
            body = {"model_ratio": ratio, "effective_from": effective_from.isoformat()}
            versions.append(await operator.call("PUT", f"/api/prices/{_MODEL}", body))
        while datetime.now(UTC) < begins + 2 * _APART:
            await asyncio.sleep(0.05)

    of = got.whole | before
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=of)
    assert_exactly_once(counted, got.whole | before, in_flight=got.broken)
    served = [event for event in counted.events.values() if event["outcome"] == "succeeded"]
    begin = [datetime.fromisoformat(version["effective_from"]) for version in versions]
    of_version: dict[int, int] = {version["version"]: 0 for version in versions}
    straddling = 0
    for event in served:
        held = versions[sum(_at(event, "started_at") >= since for since in begin) - 1]
        rating = event["rating"]
        assert rating["price_version"] == held["version"], event
        assert Decimal(rating["model_ratio"]) == Decimal(held["model_ratio"]), event
        assert event["quota"] == _by_hand(event["usage"], held["model_ratio"]), event
        of_version[held["version"]] += 1
        straddling += any(
            _at(event, "started_at") < since <= _at(event, "completed_at") for since in begin
        )
    assert min(of_version.values()) > _CLIENTS // 4, of_version
    assert straddling, "none was on its way as a price changed"
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def _priced_model(operator: Operator) -> dict[str, Any]:
    """A model of its own: the others' prices are for other tests. Answers its first version."""
    model = {"name": _MODEL, "groups": ["default"], "max_output_tokens": 100}
    await operator.call("POST", "/api/models/", model)
    await operator.channel(models=[_MODEL], model_mapping={_MODEL: MODEL})
    body = {"model_ratio": _RATIOS[0]}
    version: dict[str, Any] = await operator.call("PUT", f"/api/prices/{_MODEL}", body)
    return version


async def _served_everywhere(stack: Stack, customer: Customer) -> set[str]:
    """Ask each relay until it answers; the ids of the answers."""
    served: set[str] = set()
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    body = {"model": _MODEL, "messages": [{"role": "user", "content": "hello"}]}
    async with aiohttp.ClientSession() as http, asyncio.timeout(_DEADLINE_S):
        for relay in range(4):
            url = f"{stack.relay_url(relay)}/v1/chat/completions"
            while True:
                async with http.post(url, json=body, headers=headers) as answer:
                    await answer.read()
                    if answer.status == 200:
                        served.add(answer.headers["x-request-id"])
                        break
                await asyncio.sleep(0.1)
    return served


def _at(event: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(event[name])


def _by_hand(usage: dict[str, Any], model_ratio: str) -> int:
    tokens = usage["prompt_tokens"] + usage["completion_tokens"]
    return int((tokens * Decimal(model_ratio)).to_integral_value(ROUND_HALF_UP))

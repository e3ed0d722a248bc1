"""Valkey killed with -9 under load: the relays go on as the setting says, and share again after."""

import asyncio
import re

import aiohttp
import pytest

from deploy.local.stack import Stack
from shared.events.limits import RequestLimits
from tests.failure.wholeness import make_whole
from tests.gateway.limits import limit_key
from tests.gateway.load import Clients
from tests.gateway.operator import Operator
from tests.gateway.storm import body, storm, warm
from tests.stack_fixtures import MakeStack

_AWAY = "the store cannot be reached"


async def test_open_each_relay_counts_alone_and_never_answers_5xx(
    drill_stack: Stack, operator: Operator
) -> None:
    loaded = await operator.customer(quota_units=10**9)
    await limit_key(
        drill_stack, loaded, RequestLimits(requests_per_minute=10**6, concurrent_requests=500)
    )
    limited = await operator.customer(quota_units=10**8)
    for customer in (loaded, limited):
        await warm(drill_stack, customer)
    await limit_key(drill_stack, limited, RequestLimits(requests_per_minute=20))
    urls = [drill_stack.relay_url(relay) for relay in range(4)]
    clients = Clients(urls, [loaded.api_key], count=16)
    try:
        async with clients.running() as got:
            await clients.at_least(100)
            before = await storm(drill_stack, limited, body(max_tokens=16), count=12)
            assert before.statuses == {200: 12}
            await drill_stack.kill("valkey")
            await clients.at_least(len(got.whole) + 100)
            # Each relay knows the three that it let through, and so has 17 left of the 20.
            alone = await storm(drill_stack, limited, body(max_tokens=16), count=160)
            assert alone.statuses == {200: 4 * 17, 429: 160 - 4 * 17}
            assert _AWAY in str(await _notes(drill_stack, 0))
            assert await _metric(drill_stack, "ledgerline_relay_limit_store_up") == 0
            assert await _metric(
                drill_stack, 'ledgerline_relay_limit_unshared_total{setting="open"}'
            )
    finally:
        await make_whole(drill_stack)
    assert got.refused == {}
    assert got.broken == 0
    await _shared_again(drill_stack)
    fresh = await operator.customer(quota_units=10**8)
    await warm(drill_stack, fresh)
    await limit_key(drill_stack, fresh, RequestLimits(requests_per_minute=20))
    again = await storm(drill_stack, fresh, body(max_tokens=16), count=60)
    assert again.statuses == {200: 20, 429: 40}


async def test_closed_only_requests_without_limits_pass(make_stack: MakeStack) -> None:
    settings = {
        "LEDGERLINE_LIMITS_ON_STORE_FAILURE": "closed",
        "LEDGERLINE_LIMITS_STORE_TIMEOUT_MS": "5000",
    }
    stack = await make_stack(relays=2, settings={"relay": settings})
    async with aiohttp.ClientSession() as http:
        operator = await Operator.of(stack, http)
        limited = await operator.customer(quota_units=10**8)
        free = await operator.customer(quota_units=10**8)
        for customer in (limited, free):
            await warm(stack, customer)
        await limit_key(stack, limited, RequestLimits(concurrent_requests=100))
        assert (await storm(stack, limited, body(), count=6)).statuses == {200: 6}
        await stack.kill("valkey")
        async with asyncio.timeout(20):
            while _AWAY not in str(await _notes(stack, 0)) + str(await _notes(stack, 1)):
                await asyncio.sleep(0.05)
        refused = await _refused(stack, http, limited.api_key)
        assert refused["error"]["code"] == "limiter_unavailable"
        assert (await storm(stack, limited, body(), count=10)).statuses == {503: 10}
        assert (await storm(stack, free, body(), count=10)).statuses == {200: 10}
        await stack.start_process("valkey")
        await _shared_again(stack)
        assert (await storm(stack, limited, body(), count=10)).statuses == {200: 10}


async def _refused(
    stack: Stack, http: aiohttp.ClientSession, key: str
) -> dict[str, dict[str, str]]:
    url = f"{stack.relay_url()}/v1/chat/completions"
    headers = {"Authorization": f"Bearer {key}"}
    async with http.post(url, data=body(), headers=headers) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "1"
        told: dict[str, dict[str, str]] = await response.json()
        return told


async def _shared_again(stack: Stack) -> None:
    async with asyncio.timeout(30):
        for relay in range(stack.spec.relays):
            while await _notes(stack, relay):
                await asyncio.sleep(0.05)


async def _notes(stack: Stack, relay: int) -> dict[str, str]:
    url = f"{stack.internal_url('relay', relay)}/health/ready"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert response.status == 200, "it can serve: it must not be taken out of service"
        notes: dict[str, str] = (await response.json()).get("notes", {})
        return notes


async def _metric(stack: Stack, name: str) -> float:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{stack.internal_url('relay')}/metrics") as response,
    ):
        found = re.search(rf"^{re.escape(name)} (\S+)$", await response.text(), re.MULTILINE)
    if found is None:
        pytest.fail(f"no metric {name}")
    return float(found[1])

"""I7: no provider's key, no client's key, no session and no password is in clear anywhere."""

import asyncio
import hashlib

import aiohttp

from deploy.local.stack import Stack
from tests.failure.marker import assert_nowhere
from tests.gateway.catching_up import caught_up
from tests.gateway.operator import MODEL, Operator

_PROVIDER_KEY = "provider-key-Zanzibar-0815"


async def test_no_secret_is_found_in_any_table_topic_file_or_log(
    drill_stack: Stack, operator: Operator
) -> None:
    """After each was used: the provider got its key, so it was somewhere, sealed."""
    channel = await operator.channel(key=_PROVIDER_KEY, priority=100)
    customer = await operator.customer(quota_units=1_000_000)
    login = {"username": customer.username, "password": customer.password}
    begun = await operator.call("POST", "/api/user/login", login, token="")
    shown = {"refresh_token": begun["refresh_token"]}
    session = await operator.call("POST", "/api/user/refresh", shown, token="")
    await operator.call("GET", "/api/token/", token=session["session_token"])
    async with aiohttp.ClientSession() as http:
        async with asyncio.timeout(60):
            while not await _was_used(http, drill_stack, customer.api_key):
                await asyncio.sleep(0.05)
        async with http.get(
            f"{drill_stack.relay_url()}/api/log/token", params={"key": customer.api_key}
        ) as response:
            assert response.status == 200
    listed = await operator.call("GET", f"/api/channel/{channel}")
    assert _PROVIDER_KEY not in str(listed)
    await operator.call("DELETE", f"/api/channel/{channel}")
    await caught_up(drill_stack)
    tokens = (each[kind] for each in (begun, session) for kind in ("session_token", *shown))
    secrets = (
        _PROVIDER_KEY,
        customer.api_key.removeprefix("sk-"),
        customer.password,
        *tokens,
    )
    await assert_nowhere(drill_stack, *secrets)


async def _was_used(http: aiohttp.ClientSession, stack: Stack, api_key: str) -> bool:
    """One request more, and whether the provider has seen the channel's key by now."""
    async with http.post(
        f"{stack.relay_url()}/v1/chat/completions",
        json={"model": MODEL, "messages": [{"role": "user", "content": "hi"}]},
        headers={"Authorization": f"Bearer {api_key}"},
    ) as response:
        assert response.status in (200, 401)
    async with http.get(f"{stack.simulator_url}/control/served?last=0") as response:
        served = await response.json()
    return _digest() in served["keys_sha256"]


def _digest() -> str:
    return hashlib.sha256(_PROVIDER_KEY.encode()).hexdigest()

"""A channel behind an outgoing proxy: its calls go through it, and never around it."""

import asyncio
from typing import Any

import aiohttp

from deploy.local.stack import Stack
from tests.forward_proxy import proxying
from tests.gateway.operator import Operator

_DEADLINE_S = 30.0
_PASSWORD = "proxys-own-password"
_MODEL = "model-behind-a-proxy"


async def test_calls_go_through_the_proxy_and_never_around_it(
    stack: Stack, operator: Operator
) -> None:
    model = {"name": _MODEL, "groups": ["default"], "max_output_tokens": 4_096}
    await operator.call("POST", "/api/models/", model)
    await operator.call("PUT", f"/api/prices/{_MODEL}", {"model_ratio": "1"})
    customer = await operator.customer(quota_units=5_000_000)
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    async with (
        proxying(credentials=f"user:{_PASSWORD}") as proxy,
        aiohttp.ClientSession(stack.relay_url(), headers=headers) as http,
    ):
        channel_id = await operator.channel(
            models=[_MODEL], proxy_url=proxy.url_for(f"user:{_PASSWORD}")
        )
        plain = await _until(http, 200, stream=False)
        streamed = await _until(http, 200, stream=True)
        assert b'"choices"' in plain
        assert streamed.endswith(b"data: [DONE]\n\n")
        url = f"{stack.simulator_url}/v1/chat/completions"
        assert proxy.heads[0].startswith(f"POST {url} HTTP/1.1".encode())
        assert proxy.refused == 0

        wrong = {"proxy_url": proxy.url_for("user:not-the-password"), "key": "simulated"}
        await operator.call("PUT", f"/api/channel/{channel_id}", wrong)
        refusal = await _until(http, 502, stream=False)
        assert proxy.refused > 0
        for secret in (_PASSWORD, "not-the-password", proxy.url):
            assert secret.encode() not in refusal


async def _until(http: aiohttp.ClientSession, status: int, *, stream: bool) -> bytes:
    """The body of the first answer with this status: what was set is on its way to the relay."""
    asked: dict[str, Any] = {
        "model": _MODEL,
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 5,
        "stream": stream,
    }
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            async with http.post("/v1/chat/completions", json=asked) as response:
                body = await response.read()
                if response.status == status:
                    return body
            await asyncio.sleep(0.1)

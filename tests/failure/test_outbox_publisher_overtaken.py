"""A publisher of state that stalls with the lock in hand is overtaken, and cannot come back."""

import asyncio
import json
import signal

import aiohttp

from deploy.local.stack import Stack
from tests.gateway.operator import Operator
from tests.stack_fixtures import MakeStack


async def test_a_stalled_publisher_is_overtaken_and_the_newest_state_stays(
    make_stack: MakeStack,
) -> None:
    """Control is frozen; the second one publishes; the first wakes and changes nothing back."""
    stack = await make_stack(controls=2)
    async with aiohttp.ClientSession() as http:
        operator = await Operator.of(stack, http)
        customer = await operator.customer(quota_units=1_000_000)
        token = await operator.sign_in(customer.username, customer.password)
        frozen = await _publisher(stack)
        other = "control-1" if frozen == "control-0" else "control-0"
        stack.process(frozen).kill(signal.SIGSTOP)
        try:
            # The relay asks control-0; the change goes straight to the one that lives.
            change = {"id": customer.key_id, "status": 2}
            url = stack.api_url("control", int(other[-1])) + "/api/token/?status_only=true"
            headers = {"x-ledgerline-assertion": await _assertion(stack, http, other, token)}
            async with http.put(url, json=change, headers=headers) as response:
                assert (await response.json())["success"]
            async with asyncio.timeout(45):
                while await _models(http, stack.relay_url(), customer.api_key) != 401:
                    await asyncio.sleep(0.1)
        finally:
            stack.process(frozen).kill(signal.SIGCONT)
        await asyncio.sleep(3)  # time for the frozen one to do harm, if it could
        assert await _models(http, stack.relay_url(), customer.api_key) == 401
        assert stack.process(frozen).running


async def _publisher(stack: Stack) -> str:
    """Which control has the lock: the one whose turn, by their logs, began last."""
    async with asyncio.timeout(30):
        while True:
            began = {name: await _turn_began_at(stack, name) for name in ("control-0", "control-1")}
            latest = max(began, key=lambda name: began[name])
            if began[latest]:
                return latest
            await asyncio.sleep(0.1)


async def _turn_began_at(stack: Stack, name: str) -> str:
    """The time in its log; empty before its first turn."""
    text = await asyncio.to_thread(stack.process(name).output_path.read_text)
    lines = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    times = [
        line["timestamp"]
        for line in lines
        if (line.get("publisher"), line.get("event")) == ("state_publisher", "turn_begins")
    ]
    return times[-1] if times else ""


async def _assertion(stack: Stack, http: aiohttp.ClientSession, other: str, token: str) -> str:
    secret = stack.service_environment("relay")["LEDGERLINE_SERVICE_SECRET"]
    async with http.post(
        stack.internal_url("control", int(other[-1])) + "/internal/authenticate",
        json={"credential": {"kind": "session", "value": token}, "audience": "control"},
        headers={"Authorization": f"Bearer relay:{secret}"},
    ) as response:
        assertion: str = (await response.json())["assertion"]
        return assertion


async def _models(http: aiohttp.ClientSession, url: str, api_key: str) -> int:
    headers = {"Authorization": f"Bearer {api_key}"}
    async with http.get(f"{url}/v1/models", headers=headers) as response:
        return response.status

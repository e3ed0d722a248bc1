"""What leases are for: the requests of an account with money are decided in the relay's memory."""

import math
import time

import aiohttp

from deploy.local.stack import Stack
from tests.gateway.load import Clients
from tests.gateway.operator import Operator

REQUESTS = 500
HEARTBEAT_S = 5
"""The relay's default: what it says to billing whether it needs anything or not."""


async def exchanges(stack: Stack, http: aiohttp.ClientSession) -> float:
    """Messages to billing so far, whatever came of them."""
    async with http.get(f"{stack.internal_url('relay')}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("ledgerline_relay_lease_exchanges_total{")
    )


async def test_500_requests_of_a_rich_account_say_no_more_to_billing_than_heartbeats(
    stack: Stack, operator: Operator
) -> None:
    customer = await operator.customer(quota_units=500_000_000)
    first = Clients([stack.relay_url()], [customer.api_key], count=1)
    async with first.running():
        await first.at_least(1)
    clients = Clients([stack.relay_url()], [customer.api_key], count=8)
    async with aiohttp.ClientSession() as http:
        before, started = await exchanges(stack, http), time.monotonic()
        async with clients.running() as got:
            await clients.at_least(REQUESTS)
        heartbeats = math.ceil((time.monotonic() - started) / HEARTBEAT_S) + 1
        said = await exchanges(stack, http) - before
    assert (got.broken, got.refused) == (0, {})
    assert before > 0, "the first request asked"
    assert said <= heartbeats, f"{said} messages for {len(got.whole)} requests"

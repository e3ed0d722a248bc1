"""A topic that was deleted and made again: its consumers stop and say so; nothing is guessed."""

import asyncio

import aiohttp

from shared.events.catalog import RELAY_REQUESTS
from tests.gateway.counting import count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator
from tests.gateway.topics import recreate
from tests.stack_fixtures import MakeStack


async def test_a_recreated_topic_halts_its_partitions_and_reconcile_names_what_is_gone(
    make_stack: MakeStack,
) -> None:
    """Charged before, gone from the topic, and no later event is applied until it is accepted."""
    stack = await make_stack()
    async with aiohttp.ClientSession() as http:
        operator = await Operator.of(stack, http)
        customer = await operator.customer(quota_units=50_000_000)
        clients = Clients([stack.relay_url()], [customer.api_key], count=4)
        async with clients.running() as got:
            await clients.at_least(50)
        before = await count(stack, workspace_id=customer.workspace_id, of=got.whole)
        assert before.charges.keys() >= got.whole
        await recreate(stack.kafka_bootstrap, RELAY_REQUESTS)
        again = Clients([stack.relay_url()], [customer.api_key], count=4)
        async with again.running() as later:
            await again.at_least(20)
        async with asyncio.timeout(60):
            while not await _halted(http, stack.internal_url("billing")):
                await asyncio.sleep(0.2)
        assert later.broken == 0, "clients do not notice"
        # Nobody reads on: there is nothing to wait for.
        code, output = await reconcile(stack, "--settle-s", "1")
        assert code == 1, output
        assert "relay.requests" in output


async def _halted(http: aiohttp.ClientSession, url: str) -> bool:
    async with http.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    halted = [line for line in lines if "halted" in line and not line.startswith("#")]
    assert halted, "there is no metric that tells of halted partitions"
    return any(float(line.rsplit(" ", 1)[1]) > 0 for line in halted)

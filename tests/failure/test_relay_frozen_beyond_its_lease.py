"""A relay that was frozen for longer than its leases are valid admits nothing out of them."""

import asyncio
import signal

import aiohttp
import asyncpg

from deploy.local.stack import Stack
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import MODEL, Operator
from tests.stack_fixtures import MakeStack

_VALIDITY_S = 3.0


async def test_a_lapsed_lease_admits_nothing_until_billing_was_heard(
    make_stack: MakeStack,
) -> None:
    """Billing is away when the relay wakes: it answers 503, although it has room in hand."""
    stack = await make_stack(settings={"relay": {"LEDGERLINE_LEASE_VALIDITY_S": str(_VALIDITY_S)}})
    async with aiohttp.ClientSession() as http:
        operator = await Operator.of(stack, http)
        customer = await operator.customer(quota_units=50_000_000)
        clients = Clients([stack.relay_url()], [customer.api_key], count=2)
        async with clients.running() as got:
            await clients.at_least(20)
        assert await _ask(http, stack, customer.api_key) == 200
        await stack.kill("billing-0")
        assert await _ask(http, stack, customer.api_key) == 200, "the lease in hand still holds"
        stack.process("relay-0").kill(signal.SIGSTOP)
        await asyncio.sleep(_VALIDITY_S + 0.5)  # frozen for longer than the lease is valid
        stack.process("relay-0").kill(signal.SIGCONT)
        assert await _ask(http, stack, customer.api_key) == 503
        await stack.start_process("billing-0")
        await stack.wait_ready("billing-0")
        async with asyncio.timeout(60):
            while await _ask(http, stack, customer.api_key) != 200:
                await asyncio.sleep(0.1)
        counted = await count(stack, workspace_id=customer.workspace_id, of=got.whole)
        assert_exactly_once(counted, got.whole | counted.succeeded(), in_flight=0)
        code, output = await reconcile(stack)
        assert code == 0, output


async def test_an_operator_releases_the_lease_of_a_relay_that_is_gone(
    drill_stack: Stack, operator: Operator
) -> None:
    """The release is on the ledger and in the audit log; late events are charged all the same."""
    customer = await operator.customer(quota_units=1_000_000)
    clients = Clients([drill_stack.relay_url(1)], [customer.api_key], count=2)
    async with clients.running() as got:
        await clients.at_least(20)
        drill_stack.process("relay-1").kill(signal.SIGSTOP)
        try:
            leases = await operator.call(
                "GET", f"/api/billing/leases?workspace_id={customer.workspace_id}"
            )
            mine = [
                lease
                for lease in leases["items"]
                if lease["workspace_id"] == customer.workspace_id and lease["state"] != "closed"
            ]
            assert mine
            for lease in mine:
                await operator.call(
                    "POST",
                    f"/api/billing/leases/{lease['lease_id']}/release",
                    {"reason": "the machine is gone"},
                )
        finally:
            drill_stack.process("relay-1").kill(signal.SIGCONT)
        await clients.at_least(len(got.whole) + 20)
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=got.whole)
    assert_exactly_once(counted, got.whole, in_flight=0)
    connection = await asyncpg.connect(drill_stack.dsn("superuser"))
    try:
        exposures = await connection.fetch(
            "SELECT amount_units, exposure_units FROM billing.ledger_entries"
            " WHERE kind = 'release' AND workspace_id = $1",
            customer.workspace_id,
        )
    finally:
        await connection.close()
    assert len(exposures) == len(mine)
    assert all(row["amount_units"] == 0 and row["exposure_units"] > 0 for row in exposures)
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def _ask(http: aiohttp.ClientSession, stack: Stack, api_key: str) -> int:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 16}
    async with http.post(
        f"{stack.relay_url()}/v1/chat/completions",
        json=body,
        headers={"Authorization": f"Bearer {api_key}"},
    ) as response:
        await response.read()
        return response.status

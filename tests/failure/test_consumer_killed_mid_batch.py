"""kill -9 of billing and of logging while they apply batches, and one that was frozen."""

import signal

import pytest

from deploy.local.stack import Stack
from tests.gateway.catching_up import taken_on
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator


@pytest.mark.parametrize("service", ["billing", "logging"])
async def test_consumers_killed_mid_batch_apply_each_event_once(
    drill_stack: Stack, operator: Operator, service: str
) -> None:
    """Neither a lost nor a repeated effect, whichever of the two has the partitions."""
    customer = await operator.customer(quota_units=50_000_000)
    clients = Clients([drill_stack.relay_url(i) for i in range(4)], [customer.api_key], count=24)
    async with clients.running() as got:
        for name in (f"{service}-0", f"{service}-1", f"{service}-0"):
            await clients.at_least(len(got.whole) + 150)
            await drill_stack.kill(name)
            await clients.at_least(len(got.whole) + 100)
            await drill_stack.start_process(name)
            await drill_stack.wait_ready(name)
    assert got.broken == 0, "clients must not notice"
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=got.whole)
    assert_exactly_once(counted, got.whole, in_flight=0)
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def test_a_frozen_billing_that_comes_back_cannot_charge_again(
    drill_stack: Stack, operator: Operator
) -> None:
    """The other billing takes the partitions over; the first wakes with a batch in hand."""
    customer = await operator.customer(quota_units=50_000_000)
    clients = Clients([drill_stack.relay_url(i) for i in range(4)], [customer.api_key], count=24)
    async with clients.running() as got:
        await clients.at_least(200)
        drill_stack.process("billing-0").kill(signal.SIGSTOP)
        try:
            await clients.at_least(len(got.whole) + 300)
            # Its session in the group ends, and its partitions go to the other one.
            await taken_on(drill_stack)
        finally:
            drill_stack.process("billing-0").kill(signal.SIGCONT)
        await clients.at_least(len(got.whole) + 200)
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=got.whole)
    assert_exactly_once(counted, got.whole, in_flight=0)
    code, output = await reconcile(drill_stack)
    assert code == 0, output

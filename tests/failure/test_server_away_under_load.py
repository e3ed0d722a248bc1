"""Kafka away, PostgreSQL away, for 15 s under load: clients are served, nothing is lost (I5)."""

import asyncio

import pytest

from deploy.local.stack import Stack
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator
from tests.gateway.storm import warm

_AWAY_S = 15.0


@pytest.mark.parametrize("server", ["kafka", "postgres"])
async def test_a_server_killed_for_15_s_is_not_noticed_by_clients(
    drill_stack: Stack, operator: Operator, server: str
) -> None:
    """Served out of the leases and into the journal; afterwards everything is counted once."""
    customer = await operator.customer(quota_units=500_000_000)
    warmed = await warm(drill_stack, customer)
    clients = Clients([drill_stack.relay_url(i) for i in range(4)], [customer.api_key], count=8)
    async with clients.running() as got:
        await clients.at_least(200)
        await drill_stack.kill(server)
        served_before = len(got.whole)
        await asyncio.sleep(_AWAY_S)  # the outage itself, not a wait for something
        served_meanwhile = len(got.whole) - served_before
        await drill_stack.start_process(server)
        await drill_stack.wait_ready(server)
        await clients.at_least(len(got.whole) + 100)
    assert served_meanwhile > 200, f"only {served_meanwhile} answers while {server} was away"
    assert got.broken == 0
    assert not got.refused, got.refused
    whole = got.whole | warmed
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=whole)
    assert_exactly_once(counted, whole, in_flight=0)
    code, output = await reconcile(drill_stack)
    assert code == 0, output

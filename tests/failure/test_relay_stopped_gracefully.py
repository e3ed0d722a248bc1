"""SIGTERM: stop accepting, finish streams, close the leases, publish the journal, leave nothing."""

import asyncio
import signal

import asyncpg

from deploy.local.stack import Stack
from tests.failure.wholeness import journals, recovered
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator


async def test_a_stopped_relay_finishes_its_streams_and_leaves_nothing_behind(
    drill_stack: Stack, operator: Operator
) -> None:
    """Every stream that had begun comes whole; nothing is held and nothing is to recover."""
    await recovered(drill_stack)
    customer = await operator.customer(quota_units=50_000_000)
    slow = {"messages": [{"role": "user", "content": '[[simulate {"event_interval_ms":80}]]'}]}
    clients = Clients(
        [drill_stack.relay_url(0)], [customer.api_key], count=6, body=slow, streams=True
    )
    async with clients.running() as got:
        await clients.at_least(6)
        await clients.all_begun()  # the next six
        relay = drill_stack.process("relay-0")
        relay.kill(signal.SIGTERM)
        async with asyncio.timeout(60):
            code = await relay.wait()
        await clients.at_least(12)  # what was in flight came whole: there is nobody to ask again
        whole_at_exit = len(got.whole)
        left = journals(drill_stack)
        open_leases, closed_leases = await _leases(drill_stack, customer.workspace_id)
        await drill_stack.start_process("relay-0")
        await drill_stack.wait_ready("relay-0")
        await clients.at_least(whole_at_exit + 6)
    assert code == 0
    assert len(left) == drill_stack.spec.relays - 1, "a journal was left to be recovered"
    assert open_leases == 0
    assert closed_leases >= 1
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=got.whole)
    assert_exactly_once(counted, got.whole, in_flight=0)
    assert {event["outcome"] for event in counted.events.values()} == {"succeeded"}
    exit_code, output = await reconcile(drill_stack)
    assert exit_code == 0, output


async def _leases(stack: Stack, workspace_id: int) -> tuple[int, int]:
    """Open ones, and others."""
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        row = await connection.fetchrow(
            "SELECT count(*) FILTER (WHERE is_open), count(*) FILTER (WHERE NOT is_open)"
            " FROM billing.leases WHERE workspace_id = $1",
            workspace_id,
        )
    finally:
        await connection.close()
    assert row is not None
    return row[0], row[1]

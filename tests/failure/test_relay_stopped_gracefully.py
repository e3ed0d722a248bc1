"""SIGTERM: stop accepting, finish streams, close the leases, publish the journal, leave nothing."""

import asyncio
import signal

import asyncpg

from deploy.local.stack import Stack
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator


async def test_a_stopped_relay_finishes_its_streams_and_leaves_nothing_behind(
    drill_stack: Stack, operator: Operator
) -> None:
    """Every stream that had begun comes whole; nothing is held and nothing is to recover."""
    customer = await operator.customer(quota_units=50_000_000)
    slow = {"messages": [{"role": "user", "content": '[[simulate {"event_interval_ms":80}]]'}]}
    clients = Clients(
        [drill_stack.relay_url(0)], [customer.api_key], count=6, body=slow, streams=True
    )
    journals = drill_stack.state_dir / "journal"
    async with clients.running() as got:
        await clients.at_least(6)
        await asyncio.sleep(0.5)  # into the middle of the next six
        relay = drill_stack.process("relay-0")
        relay.kill(signal.SIGTERM)
        async with asyncio.timeout(20):
            code = await relay.wait()
        whole_at_exit = len(got.whole)
        await drill_stack.start_process("relay-0")
        await drill_stack.wait_ready("relay-0")
        await clients.at_least(whole_at_exit + 6)
    assert code == 0
    assert whole_at_exit >= 12, "streams in flight were not finished"
    counted = await count(drill_stack, workspace_id=customer.workspace_id)
    assert_exactly_once(counted, got.whole, in_flight=0)
    assert {event["outcome"] for event in counted.events.values()} == {"succeeded"}
    assert len([path for path in journals.iterdir() if path.name != "quarantine"]) == 4
    connection = await asyncpg.connect(drill_stack.dsn("superuser"))
    try:
        closed = await connection.fetchval(
            "SELECT count(*) FROM billing.leases WHERE workspace_id = $1 AND NOT is_open",
            customer.workspace_id,
        )
    finally:
        await connection.close()
    assert closed == 1
    exit_code, output = await reconcile(drill_stack)
    assert exit_code == 0, output

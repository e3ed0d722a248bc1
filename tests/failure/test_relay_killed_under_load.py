"""kill -9 of a relay, mid-stream and between answer and publication."""

import asyncio
import signal

from deploy.local.stack import Stack
from tests.failure.wholeness import recovered
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator

_SLOW = {"messages": [{"role": "user", "content": '[[simulate {"event_interval_ms":300}]]'}]}


async def test_relays_killed_under_load_lose_and_double_nothing(
    drill_stack: Stack, operator: Operator
) -> None:
    """Each answer that came whole is charged once, although two relays died, one of them twice."""
    customer = await operator.customer(quota_units=50_000_000)
    clients = Clients([drill_stack.relay_url(i) for i in range(4)], [customer.api_key], count=24)
    async with clients.running() as got:
        for name in ("relay-0", "relay-1", "relay-0"):
            await clients.at_least(len(got.whole) + 150)
            await drill_stack.kill(name)
            await clients.at_least(len(got.whole) + 50)
            await drill_stack.start_process(name)
            await drill_stack.wait_ready(name)
        await clients.at_least(len(got.whole) + 50)
    assert got.broken > 0, "nothing was in flight at any kill: the drill shows nothing"
    await recovered(drill_stack)
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=got.whole)
    assert_exactly_once(counted, got.whole, in_flight=got.broken)
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def test_a_relay_killed_mid_stream_charges_nothing_for_what_it_never_finished(
    drill_stack: Stack, operator: Operator
) -> None:
    """An answer cut by the relay's death is `interrupted`: visible, and free."""
    customer = await operator.customer(quota_units=50_000_000)
    streams = 8
    clients = Clients(
        [drill_stack.relay_url(2)], [customer.api_key], count=streams, body=_SLOW, streams=True
    )
    async with clients.running() as got:
        await clients.all_begun()  # each has some five seconds to go
        await drill_stack.kill("relay-2")
        async with asyncio.timeout(30):
            while got.broken < streams:
                await asyncio.sleep(0.02)
    assert got.whole == set()
    await drill_stack.start_process("relay-2")
    await drill_stack.wait_ready("relay-2")
    await recovered(drill_stack)
    counted = await count(drill_stack, workspace_id=customer.workspace_id)
    interrupted = [e for e in counted.events.values() if e["outcome"] == "interrupted"]
    assert len(interrupted) == len(counted.events) == streams
    assert all(e["quota"] == 0 and e["error_code"] == "relay_died" for e in interrupted)
    assert_exactly_once(counted, set(), in_flight=0)
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def test_a_relay_killed_between_answer_and_publication_still_charges(
    drill_stack: Stack, operator: Operator
) -> None:
    """With Kafka frozen the answers are in the journal only; the relay dies; its successor pays."""
    customer = await operator.customer(quota_units=50_000_000)
    warm = Clients([drill_stack.relay_url(3)], [customer.api_key], count=1)
    async with warm.running():
        await warm.at_least(3)
    drill_stack.process("kafka").kill(signal.SIGSTOP)
    try:
        clients = Clients([drill_stack.relay_url(3)], [customer.api_key], count=4)
        async with clients.running() as got:
            await clients.at_least(100)
        await drill_stack.kill("relay-3")
    finally:
        drill_stack.process("kafka").kill(signal.SIGCONT)
    await drill_stack.start_process("relay-3")
    await drill_stack.wait_ready("relay-3")
    whole = got.whole | warm.got.whole
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=whole)
    assert all(counted.charges[request_id] == 1 for request_id in whole)
    code, output = await reconcile(drill_stack)
    assert code == 0, output

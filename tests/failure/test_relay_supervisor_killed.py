"""kill -9 of a relay's supervisor, with its workers or without."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from deploy.local.stack import Stack
from tests.failure.workers import (
    RELAY,
    WORKERS,
    all_ready,
    journals,
    recoveries,
    until,
    workers,
)
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator

_SLOW = {"messages": [{"role": "user", "content": '[[simulate {"event_interval_ms":80}]]'}]}


async def test_workers_whose_supervisor_was_killed_finish_their_streams_and_go(
    worker_stack: Stack, worker_operator: Operator
) -> None:
    """Nobody would restart them, and the next relay would find its port taken."""
    await all_ready(worker_stack)
    customer = await worker_operator.customer(quota_units=50_000_000)
    orphans = list(workers(worker_stack).values())
    clients = Clients(
        [worker_stack.relay_url()], [customer.api_key], count=9, body=_SLOW, streams=True
    )
    async with clients.running() as got:
        await clients.at_least(9)
        await asyncio.sleep(0.5)  # into the middle of the next nine
        broken = got.broken
        await worker_stack.kill(RELAY)
        await clients.at_least(18)
        assert broken == 0
        await until(lambda: not any(orphan.is_running() for orphan in orphans))
        assert journals(worker_stack) == set(), "a journal was left to be recovered"
        await worker_stack.start_process(RELAY)
        await all_ready(worker_stack)
        await clients.at_least(len(got.whole) + 9)
    counted = await count(worker_stack, workspace_id=customer.workspace_id)
    assert_exactly_once(counted, got.whole, in_flight=0)
    assert {event["outcome"] for event in counted.events.values()} == {"succeeded"}
    code, output = await reconcile(worker_stack)
    assert code == 0, output


async def test_one_worker_recovers_the_journals_of_three(
    worker_stack: Stack, worker_operator: Operator
) -> None:
    """All were killed under load, and the relay was started with fewer workers than before."""
    await all_ready(worker_stack)
    customer = await worker_operator.customer(quota_units=50_000_000)
    orphaned = journals(worker_stack)
    assert len(orphaned) == WORKERS
    clients = Clients([worker_stack.relay_url()], [customer.api_key], count=24)
    try:
        async with clients.running() as got:
            await clients.at_least(150)
            killed = list(workers(worker_stack).values())
            worker_stack.process(RELAY).kill()
            for worker in killed:
                worker.kill()
            await until(lambda: not any(worker.is_running() for worker in killed))
            await _start(worker_stack, {"LEDGERLINE_RELAY_WORKERS": "1"})
            await worker_stack.wait_ready(RELAY)
            assert workers(worker_stack) == {}, "one worker needs no supervisor"
            await clients.at_least(len(got.whole) + 50)
            await until(lambda: not journals(worker_stack) & orphaned)
        assert got.broken > 0, "nothing was in flight at the kill: the drill shows nothing"
        # The log has its line a moment after the folder is gone.
        await until(lambda: all(recoveries(worker_stack, path.name) for path in orphaned))
        counted = await count(worker_stack, workspace_id=customer.workspace_id)
        assert [recoveries(worker_stack, path.name) for path in orphaned] == [1] * WORKERS
        assert_exactly_once(counted, got.whole, in_flight=got.broken)
        code, output = await reconcile(worker_stack)
        assert code == 0, output
    finally:
        await worker_stack.process(RELAY).stop()
        await _start(worker_stack, {"LEDGERLINE_RELAY_WORKERS": str(WORKERS)})
        await all_ready(worker_stack)


async def _start(stack: Stack, changed: Mapping[str, str]) -> None:
    process = stack.process(RELAY)
    await process.wait()
    process.spec = replace(process.spec, environment={**process.spec.environment, **changed})
    await stack.start_process(RELAY)

"""SIGTERM to a relay of several workers, in the middle of their streams."""

import asyncio
import signal

import asyncpg

from deploy.local.stack import Stack
from tests.failure.workers import (
    RELAY,
    WORKERS,
    all_ready,
    busiest,
    journals,
    metric,
    until,
    workers,
)
from tests.gateway.counting import Counted, assert_exactly_once, count, reconcile
from tests.gateway.load import Clients, Got
from tests.gateway.operator import Operator

_SLOW = {"messages": [{"role": "user", "content": '[[simulate {"event_interval_ms":80}]]'}]}
_SLOWER = {"messages": [{"role": "user", "content": '[[simulate {"event_interval_ms":250}]]'}]}
_READY = "ledgerline_relay_workers_ready"


async def test_all_streams_of_a_stopped_relay_come_whole_and_nothing_is_left(
    worker_stack: Stack, worker_operator: Operator
) -> None:
    """Every worker finishes, closes its leases and publishes its journal; none is recovered."""
    await all_ready(worker_stack)
    customer = await worker_operator.customer(quota_units=50_000_000)
    clients = Clients(
        [worker_stack.relay_url()], [customer.api_key], count=9, body=_SLOW, streams=True
    )
    relay = worker_stack.process(RELAY)
    async with clients.running() as got:
        await clients.at_least(9)
        await asyncio.sleep(0.5)  # into the middle of the next nine
        assert got.broken == 0
        relay.kill(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await relay.wait() == 0
        assert len(got.whole) >= 18, "streams in flight were not finished"
        assert journals(worker_stack) == set()
        assert await _open_leases(worker_stack, customer.workspace_id) == 0
        await worker_stack.start_process(RELAY)
        await all_ready(worker_stack)
        await clients.at_least(len(got.whole) + 9)
    counted = await count(worker_stack, workspace_id=customer.workspace_id)
    _assert_none_was_cut(counted, got)
    code, output = await reconcile(worker_stack)
    assert code == 0, output


async def test_one_worker_that_is_asked_to_stop_finishes_and_is_replaced(
    worker_stack: Stack, worker_operator: Operator
) -> None:
    """An operator's way to renew a worker: no stream breaks, and the relay stays ready.

    While it finishes its streams it takes no others, and says so.
    """
    await all_ready(worker_stack)
    customer = await worker_operator.customer(quota_units=50_000_000)
    ended = 'ledgerline_relay_worker_restarts_total{reason="ended"}'
    before = await metric(worker_stack, ended)
    clients = Clients(
        [worker_stack.relay_url()], [customer.api_key], count=9, body=_SLOWER, streams=True
    )
    async with clients.running() as got:
        await asyncio.sleep(0.8)  # into the middle of every stream
        asked, had = busiest(worker_stack)
        assert had > 0
        asked.terminate()
        async with asyncio.timeout(30):
            while await metric(worker_stack, _READY) == WORKERS:
                await asyncio.sleep(0.05)
        assert asked.is_running(), "ready until it was gone"
        await worker_stack.wait_ready(RELAY, deadline_s=10)
        await until(lambda: not asked.is_running())
        await all_ready(worker_stack)
        await clients.at_least(len(got.whole) + 9)
    assert asked.pid not in {worker.pid for worker in workers(worker_stack).values()}
    assert await metric(worker_stack, ended) == before + 1
    counted = await count(worker_stack, workspace_id=customer.workspace_id)
    _assert_none_was_cut(counted, got)


def _assert_none_was_cut(counted: Counted, got: Got) -> None:
    """Calls that met a connection that was just being closed had no answer, and no event."""
    assert_exactly_once(counted, got.whole, in_flight=0)
    assert {event["outcome"] for event in counted.events.values()} == {"succeeded"}
    assert not any(event["client_disconnected"] for event in counted.events.values())


async def _open_leases(stack: Stack, workspace_id: int) -> int:
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        found: int = await connection.fetchval(
            "SELECT count(*) FROM billing.leases WHERE workspace_id = $1 AND is_open", workspace_id
        )
    finally:
        await connection.close()
    return found

"""kill -9 of one of a relay's workers: it is replaced, and nobody else notices."""

import asyncio
import time
from functools import partial

from deploy.local.stack import Stack
from services.relay.workers.report import EVERY_S
from tests.failure.workers import (
    WORKERS,
    all_ready,
    busiest,
    connections,
    journals,
    recoveries,
    served,
    until,
    workers,
)
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator

_LOOKS_EVERY_S = 5.0
"""How often a relay looks for journals of others (services/relay/publishing/recovery.py)."""
_SLOW = {"messages": [{"role": "user", "content": '[[simulate {"event_interval_ms":100}]]'}]}


async def test_the_streams_of_the_other_workers_go_on_unbroken(
    worker_stack: Stack, worker_operator: Operator
) -> None:
    """Only the connections of the one that died are cut; its journal is recovered, once."""
    await all_ready(worker_stack)
    customer = await worker_operator.customer(quota_units=50_000_000)
    before, others = journals(worker_stack), workers(worker_stack)
    assert len(before) == len(others) == WORKERS
    operators = {worker.pid: connections(worker_stack, worker) for worker in others.values()}
    clients = Clients(
        [worker_stack.relay_url()], [customer.api_key], count=12, body=_SLOW, streams=True
    )
    async with clients.running() as got:
        await asyncio.sleep(0.8)  # into the middle of every stream, which lasts 1.6 s and more
        victim, had = busiest(worker_stack, operators)
        victim.kill()
        killed_at = time.monotonic()
        assert 0 < had < 12, "all clients were at one worker: the drill shows nothing"
        # Those that are in flight now and come whole were never cut.
        await clients.at_least(12 - had)
        assert got.broken == had
        await until(lambda: len(journals(worker_stack) & before) == WORKERS - 1)
        assert time.monotonic() - killed_at < _LOOKS_EVERY_S + 3, "recovered late"
        await all_ready(worker_stack)
        await clients.at_least(len(got.whole) + 24)
    assert got.broken == had
    now = workers(worker_stack)
    replaced = {number for number, worker in others.items() if now[number].pid != worker.pid}
    assert replaced == {number for number, worker in others.items() if worker.pid == victim.pid}
    (gone,) = before - journals(worker_stack)
    assert len(journals(worker_stack)) == WORKERS
    await until(lambda: recoveries(worker_stack, gone.name))
    counted = await count(worker_stack, workspace_id=customer.workspace_id)
    assert_exactly_once(counted, got.whole, in_flight=0)
    assert recoveries(worker_stack, gone.name) == 1
    interrupted = [e for e in counted.events.values() if e["outcome"] == "interrupted"]
    assert len(interrupted) == had
    code, output = await reconcile(worker_stack)
    assert code == 0, output


async def test_under_load_each_whole_answer_is_charged_once_and_metrics_never_go_back(
    worker_stack: Stack, worker_operator: Operator
) -> None:
    """The metrics of all workers are a sum of what they told, and a dead one's stay in it.

    What a worker did since its last report, a second at the most, it takes with it.
    """
    await all_ready(worker_stack)
    customer = await worker_operator.customer(quota_units=50_000_000)
    start = await served(worker_stack)
    clients = Clients([worker_stack.relay_url()], [customer.api_key], count=24)
    seen = [start]
    kills: list[float] = []
    async with clients.running() as got:
        for _ in range(2):
            await clients.at_least(len(got.whole) + 150)
            victim, _had = busiest(worker_stack)
            victim.kill()
            kills.append(time.monotonic())
            target = len(got.whole) + 150
            while len(got.whole) < target:
                seen.append(await served(worker_stack))
            await all_ready(worker_stack)
    assert got.broken > 0, "nothing was in flight at any kill: the drill shows nothing"
    assert seen == sorted(seen)
    counted = await count(worker_stack, workspace_id=customer.workspace_id)
    assert_exactly_once(counted, got.whole, in_flight=got.broken)
    ends = [began + lasted for began, lasted in got.timings]
    may_be_lost = sum(any(0 <= kill - end <= 2 * EVERY_S for kill in kills) for end in ends)
    succeeded = len(counted.succeeded())
    least = succeeded - may_be_lost - got.broken
    told = await _settled(worker_stack, at_least=start + least) - start
    assert least <= told <= succeeded
    code, output = await reconcile(worker_stack)
    assert code == 0, output


async def test_the_sum_of_all_workers_is_every_request_before_and_after_a_crash(
    worker_stack: Stack, worker_operator: Operator
) -> None:
    """What a worker has told before it dies is not lost, whichever workers served it."""
    await all_ready(worker_stack)
    customer = await worker_operator.customer(quota_units=50_000_000)
    start, sent = await _settled(worker_stack), 0
    for _ in range(2):
        clients = Clients([worker_stack.relay_url()], [customer.api_key], count=12)
        async with clients.running() as got:
            await clients.at_least(60)
        sent += len(got.whole)
        assert got.broken == 0
        assert await _settled(worker_stack, at_least=start + sent) == start + sent
        victim = busiest(worker_stack)[0]
        victim.kill()
        # Not "until there is one fewer": the next may start between two looks.
        await until(partial(_is_replaced, worker_stack, victim.pid))
        await all_ready(worker_stack)
        assert await served(worker_stack) == start + sent


def _is_replaced(stack: Stack, pid: int) -> bool:
    now = {worker.pid for worker in workers(stack).values()}
    return len(now) == WORKERS and pid not in now


async def _settled(stack: Stack, *, at_least: float = 0) -> float:
    """The sum once each worker has reported again: a report is two of them old at the most.

    A busy machine may have them report later: `at_least` is what is waited for in any case.
    """
    deadline, last, since = time.monotonic() + 20, -1.0, time.monotonic()
    while time.monotonic() < deadline:
        value = await served(stack)
        if value != last or value < at_least:
            last, since = value, time.monotonic()
        if time.monotonic() - since > 2 * EVERY_S:
            return last
        await asyncio.sleep(0.1)
    msg = "the metrics keep changing"
    raise TimeoutError(msg)

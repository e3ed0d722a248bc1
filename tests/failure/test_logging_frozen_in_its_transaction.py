"""A `logging` that is frozen in its transaction: the other one goes on, and each event counts once.

What it holds then: its partitions' watermarks, the gate and the hours together with others, and,
last in its transaction, rows of counts and usage to which every batch adds. The other one waits for
those until the server ends the frozen session.
"""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import asyncpg

from deploy.local.stack import Stack
from tests.failure.held_steps import held, let_go, until_it_waits
from tests.failure.logging_commands import check
from tests.gateway.catching_up import taken_on
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator

_CUSTOMERS: Final = 4
"""In several partitions, so that the other `logging` has some of its own."""
_IDLE: Final = "15s"
"""Longer than the group waits for a member (10 s); the role has a minute, and the test has not."""
_DEADLINE_S: Final = 60
_STANDS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = $1 AND state = 'idle in transaction'
"""


async def test_the_other_takes_over_and_what_it_wakes_with_is_worth_nothing(
    drill_stack: Stack, operator: Operator
) -> None:
    urls = [drill_stack.relay_url(number) for number in range(4)]
    customers = [await operator.customer(quota_units=50_000_000) for _ in range(_CUSTOMERS)]
    loads = [Clients(urls, [customer.api_key], count=1) for customer in customers]
    database = await asyncpg.connect(drill_stack.dsn("superuser"))
    try:
        async with AsyncExitStack() as running:
            for load in loads:
                await running.enter_async_context(load.running())
            await _more(loads, 20)
            async with held(
                *(database, "usage_site_daily", "logging-% consumer"),
                schema="logging",
                then_idle=_IDLE,
            ):
                held_up = await until_it_waits(database)
                frozen = drill_stack.process(held_up.split()[0])
                frozen.kill(signal.SIGSTOP)
                try:
                    await let_go(database)
                    async with asyncio.timeout(_DEADLINE_S):
                        while not await database.fetchval(_STANDS, held_up):
                            await asyncio.sleep(0.02)
                        await _more(loads, 20)
                        # Of all partitions, those of the frozen one as well.
                        await taken_on(drill_stack)
                    assert not await database.fetchval(_STANDS, held_up)
                finally:
                    frozen.kill(signal.SIGCONT)
            await _more(loads, 50)
    finally:
        await database.close()
    for customer, load in zip(customers, loads, strict=True):
        assert load.got.broken == 0, "clients must not notice"
        whole = load.got.whole
        counted = await count(drill_stack, workspace_id=customer.workspace_id, of=whole)
        assert_exactly_once(counted, whole, in_flight=0)
    code, output = await check(drill_stack)
    assert code == 0, output
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def _more(loads: Sequence[Clients], answers: int) -> None:
    await asyncio.gather(*(load.at_least(len(load.got.whole) + answers) for load in loads))

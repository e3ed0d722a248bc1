"""kill -9 of logging in each step of its transaction: rows, counts and usage are whole, once."""

from typing import Final

import asyncpg

from deploy.local.stack import Stack
from tests.failure.held_steps import held, until_it_waits
from tests.failure.logging_commands import check
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator

STEPS: Final = (
    "logs",
    "log_counts_hour",
    "usage_hourly",
    "log_checks",
    "usage_site_daily",
    "commit",
)


async def test_whatever_it_was_writing_it_is_written_once(
    drill_stack: Stack, operator: Operator
) -> None:
    """Two processes share the partitions; whichever is held is killed, and the other goes on."""
    customer = await operator.customer(quota_units=50_000_000)
    clients = Clients([drill_stack.relay_url(i) for i in range(4)], [customer.api_key], count=12)
    database = await asyncpg.connect(drill_stack.dsn("superuser"))
    try:
        async with clients.running() as got:
            for step in STEPS:
                await clients.at_least(len(got.whole) + 50)
                async with held(database, step, "logging-% consumer", schema="logging"):
                    name = (await until_it_waits(database)).split()[0]
                    await drill_stack.kill(name)
                await drill_stack.start_process(name)
                await drill_stack.wait_ready(name)
    finally:
        await database.close()
    assert got.broken == 0, "clients must not notice"
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=got.whole)
    assert_exactly_once(counted, got.whole, in_flight=0)
    code, output = await check(drill_stack)
    assert code == 0, output
    code, output = await reconcile(drill_stack)
    assert code == 0, output

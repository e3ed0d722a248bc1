"""What is said to be complete stays so: a relay that is frozen may still have events of its own."""

import asyncio
import signal
import time

import asyncpg

from deploy.local.stack import Stack
from tests.gateway.load import Clients
from tests.gateway.operator import Operator

_FROZEN_S = 15
"""Longer than a relay that is unknown is waited for."""
_DEADLINE_S = 120
_ROWS = "SELECT count(*) FROM logging.logs WHERE workspace_id = $1 AND created_at < $2"


async def test_nothing_is_added_to_a_time_that_was_said_to_be_complete(
    drill_stack: Stack, operator: Operator
) -> None:
    customer = await operator.customer(quota_units=50_000_000)
    urls = [drill_stack.relay_url(0), drill_stack.relay_url(1)]
    connection = await asyncpg.connect(drill_stack.dsn("superuser"))
    samples: dict[int, int] = {}

    async def sample() -> int:
        told = await operator.call("GET", "/api/usage/summary")
        until = int(told["complete_until"] or 0)
        # Counted after the answer: what it vouches for is there by then.
        samples.setdefault(until, await connection.fetchval(_ROWS, customer.workspace_id, until))
        return until

    try:
        clients = Clients(urls, [customer.api_key], count=6)
        async with clients.running() as got:
            await clients.at_least(50)
            frozen = drill_stack.process("relay-1")
            frozen.kill(signal.SIGSTOP)
            frozen_at = time.time()
            try:
                while time.time() < frozen_at + _FROZEN_S:
                    assert await sample() <= frozen_at
                    await asyncio.sleep(0.5)
            finally:
                frozen.kill(signal.SIGCONT)
            await clients.at_least(len(got.whole) + 50)
        ended_at = time.time()
        async with asyncio.timeout(_DEADLINE_S):
            while await sample() <= ended_at:
                await asyncio.sleep(0.5)
        for until, rows in samples.items():
            assert rows == await connection.fetchval(_ROWS, customer.workspace_id, until), until
        assert samples[max(samples)] >= len(got.whole)
    finally:
        await connection.close()

"""What leases are for: the requests of an account with money are decided in the relay's memory."""

import math
import time

import asyncpg

from deploy.local.stack import Stack
from tests.gateway.load import Clients
from tests.gateway.operator import Operator

REQUESTS = 500
HEARTBEAT_S = 5
"""The relay's default: what it says to billing whether it needs anything or not."""


async def said_to_billing(database: asyncpg.Connection, workspace_id: int) -> int:
    """Messages about this workspace so far: each has a number in its lease.

    The relay's own count has those about all others', too.
    """
    said: int = await database.fetchval(
        "SELECT sum(seq)::bigint FROM billing.leases WHERE workspace_id = $1", workspace_id
    )
    return said


async def test_500_requests_of_a_rich_account_say_no_more_to_billing_than_heartbeats(
    stack: Stack, operator: Operator
) -> None:
    customer = await operator.customer(quota_units=500_000_000)
    first = Clients([stack.relay_url()], [customer.api_key], count=1)
    async with first.running():
        await first.at_least(1)
    clients = Clients([stack.relay_url()], [customer.api_key], count=8)
    database = await asyncpg.connect(stack.dsn("superuser"))
    try:
        before = await said_to_billing(database, customer.workspace_id)
        started = time.monotonic()
        async with clients.running() as got:
            await clients.at_least(REQUESTS)
        heartbeats = math.ceil((time.monotonic() - started) / HEARTBEAT_S) + 1
        said = await said_to_billing(database, customer.workspace_id) - before
    finally:
        await database.close()
    assert (got.broken, got.refused) == (0, {})
    assert before > 0, "the first request asked"
    assert said <= heartbeats, f"{said} messages for {len(got.whole)} requests"

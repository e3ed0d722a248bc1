"""Charging and lease messages over the same accounts, in opposite orders, at the same time."""

import asyncio
from functools import partial

import asyncpg

from services.billing.leasing import answer_message
from services.billing.posting import post_charges
from shared.leases.protocol import LeaseAsks
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import assert_sums_agree, charge, request
from tests.integration.billing.lease_messages import ask, fund

ACCOUNTS = range(1, 41)
ROUNDS = 25


async def test_opposite_orders_never_deadlock(pool: asyncpg.Pool) -> None:
    """One attempt each: a deadlock would fail the test and not be tried again."""
    for workspace in ACCOUNTS:
        if workspace % 2:  # the others' accounts are made under way, by whoever is first
            await fund(pool, 10**6, workspace=workspace)

    async def charges(*, is_reversed: bool) -> None:
        for _ in range(ROUNDS):
            batch = [
                charge(request(workspace=w, quota=3, lease=f"lease-{w}", key=100 - w))
                for w in ACCOUNTS
            ]
            if is_reversed:
                batch.reverse()
            await in_transaction(pool, partial(post_charges, charges=batch), attempts=1)

    async def messages(relay: int, *, is_reversed: bool) -> None:
        for seq in range(1, ROUNDS + 1):
            lease = "lease" if relay == 1 else f"of-{relay}"
            asks = [ask(f"{lease}-{w}", seq, workspace=w, need=100 + seq) for w in ACCOUNTS]
            if is_reversed:
                asks.reverse()
            message = LeaseAsks(relay_id=f"r{relay}", leases=tuple(asks))
            await in_transaction(pool, partial(answer_message, message=message), attempts=1)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(charges(is_reversed=bool(number % 2)))
            group.create_task(messages(number, is_reversed=bool(number % 2)))
    await assert_sums_agree(pool)

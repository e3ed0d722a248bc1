"""All that locks accounts, keys, budgets and grants, over the same ones and in opposite orders."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

import asyncpg
import pytest

from services.billing.budgets.changing import change_budget
from services.billing.charging.posting import post_charges
from services.billing.grants.expiring import expire_of
from services.billing.keys.key_quota import KeyQuota
from services.billing.keys.store_keys import apply_quotas
from services.billing.leases.leasing import answer_message
from services.billing.ledger.refunds import Refund, refund
from services.billing.ledger.transfers import Side, Transfer, transfer
from shared.events.event import new_event_id
from shared.leases.protocol import LeaseAsks
from shared.postgres.retrying import Connection, in_transaction
from tests.integration.billing.charges import assert_sums_agree, charge, request
from tests.integration.billing.conftest import NOON
from tests.integration.billing.lease_messages import ask, fund
from tests.integration.billing.test_budgets import ANYBODY, back, make
from tests.integration.billing.test_grants import grant
from tests.integration.billing.test_top_ups import ADMIN

ACCOUNTS = range(1, 41)
ROUNDS = 25


@pytest.mark.usefixtures("at_noon")
async def test_opposite_orders_never_deadlock(pool: asyncpg.Pool) -> None:
    """One attempt each: a deadlock would fail the test and not be tried again."""
    budgets: dict[int, int] = {}
    for workspace in ACCOUNTS:
        if workspace % 2:  # the others' accounts are made under way, by whoever is first
            await fund(pool, 10**6, workspace=workspace)
            await grant(pool, 500, key=f"{workspace}", workspace=workspace)
            budgets[workspace] = await make(
                pool, workspace_id=workspace, is_hard_limit=True, amount_cents=10**6
            )
            await back(pool, budgets[workspace], 1)  # whoever comes first ends its period
    await pool.execute("UPDATE grants SET expires_at = now() WHERE workspace_id % 4 = 1")
    charged = [request(workspace=w, quota=2 * ROUNDS, key=100 - w) for w in ACCOUNTS]
    await in_transaction(pool, partial(post_charges, charges=[charge(one) for one in charged]))
    async with asyncio.TaskGroup() as group:
        group.create_task(_limits(pool))
        group.create_task(_refunds(pool, [one.request_id for one in charged]))
        group.create_task(_refunds(pool, [one.request_id for one in reversed(charged)]))
        group.create_task(_transfers(pool))
        group.create_task(_changes(pool, list(budgets.values())))
        group.create_task(_changes(pool, list(reversed(budgets.values()))))
        group.create_task(_expiries(pool, reversed(budgets)))
        for number in range(4):
            is_reversed = bool(number % 2)
            group.create_task(_charges(pool, budgets, is_reversed=is_reversed))
            group.create_task(_messages(pool, budgets, number, is_reversed=is_reversed))
    await assert_sums_agree(pool)


async def _once(pool: asyncpg.Pool, work: Callable[[Connection], Awaitable[object]]) -> None:
    """However long the others take on a busy machine: only a deadlock may fail it."""

    async def patiently(connection: Connection) -> None:
        await connection.execute("SET LOCAL lock_timeout = 0")
        await work(connection)

    await in_transaction(pool, patiently, attempts=1)


async def _limits(pool: asyncpg.Pool) -> None:
    for version in range(1, ROUNDS + 1):
        quotas = [KeyQuota(100 - w, w, 10**5, version) for w in ACCOUNTS]
        await _once(pool, partial(apply_quotas, quotas=quotas))


async def _refunds(pool: asyncpg.Pool, request_ids: list[str]) -> None:
    for request_id in request_ids:
        wanted = Refund(
            request_id=request_id, quota_units=1, idempotency_key=new_event_id(), reason="r"
        )
        await _once(pool, partial(refund, wanted=wanted, admin=ADMIN))


async def _transfers(pool: asyncpg.Pool) -> None:
    for source in (*range(1, 40, 2), *range(39, 0, -2)):
        wanted = Transfer(
            source=Side(source, source),
            target=Side(source + 1, source),
            quota_units=1,
            idempotency_key=new_event_id(),
            reason="r",
        )
        await _once(pool, partial(transfer, wanted=wanted, admin=ADMIN))


async def _changes(pool: asyncpg.Pool, budgets: list[int]) -> None:
    for amount_cents, budget in enumerate(budgets, start=10**6):
        work = partial(
            change_budget, who=ANYBODY, budget_id=budget, changes={"amount_cents": amount_cents}
        )
        await _once(pool, work)


async def _expiries(pool: asyncpg.Pool, workspaces: Iterable[int]) -> None:
    for workspace in workspaces:
        await _once(pool, partial(expire_of, workspace_id=workspace))


async def _charges(pool: asyncpg.Pool, budgets: Mapping[int, int], *, is_reversed: bool) -> None:
    for _ in range(ROUNDS):
        batch = [
            charge(
                request(
                    workspace=w,
                    quota=3,
                    lease=f"lease-{w}",
                    key=100 - w,
                    key_lease=f"key-lease-{w}",
                    budget_leases={budgets[w]: f"budget-lease-{w}"} if w in budgets else None,
                    completed_at=NOON,
                )
            )
            for w in ACCOUNTS
        ]
        if is_reversed:
            batch.reverse()
        await _once(pool, partial(post_charges, charges=batch))


async def _messages(
    pool: asyncpg.Pool, budgets: Mapping[int, int], relay: int, *, is_reversed: bool
) -> None:
    for seq in range(1, ROUNDS + 1):
        lease = "lease" if relay == 1 else f"of-{relay}"
        asks = [ask(f"{lease}-{w}", seq, workspace=w, need=100 + seq) for w in ACCOUNTS]
        asks += [ask(f"key-{lease}-{w}", seq, key=100 - w, need=100 + seq) for w in ACCOUNTS]
        asks += [ask(f"budget-{lease}-{w}", seq, budget=of, need=9) for w, of in budgets.items()]
        if is_reversed:
            asks.reverse()
        message = LeaseAsks(relay_id=f"r{relay}", leases=tuple(asks))
        await _once(pool, partial(answer_message, message=message))

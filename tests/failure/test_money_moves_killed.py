"""kill -9 of billing at every step of a top-up and of a refund: moved once, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from operations.ledger_chain.table import check_table
from tests.failure.held_steps import held, until_it_waits
from tests.gateway.catching_up import caught_up
from tests.gateway.counting import count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Customer, Operator
from tests.gateway.use import counted_use

UNITS = 1_000_000
TOP_UP = ("ledger_entries", "accounts", "event_outbox", "commit")
REFUND = (
    *("token_usage", "quota_data", "ledger_entries", "charge_settlements", "accounts"),
    *("event_outbox", "commit"),
)


class Charged(NamedTuple):
    """A customer with requests that were charged, one for each step."""

    customer: Customer
    request_ids: list[str]


class Call(NamedTuple):
    """What moves money, and the cause that its entry has."""

    path: str
    body: dict[str, Any]
    cause: str


@pytest_asyncio.fixture(loop_scope="session")
async def database(drill_stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(drill_stack.dsn("superuser"))
    yield connection
    await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def charged(shared_drill_stack: Stack, operator: Operator) -> Charged:
    customer = await operator.customer(quota_units=UNITS)
    clients = Clients([shared_drill_stack.relay_url()], [customer.api_key], count=1)
    async with clients.running() as got:
        await clients.at_least(len(REFUND))
    await count(shared_drill_stack, workspace_id=customer.workspace_id, of=got.whole)
    return Charged(customer, sorted(got.whole))


@pytest.mark.parametrize("step", TOP_UP)
async def test_a_top_up_that_was_cut_off_is_made_once_when_it_is_sent_again(
    operator: Operator, database: asyncpg.Connection, charged: Charged, step: str
) -> None:
    body = {
        "workspace_id": charged.customer.workspace_id,
        "quota_units": 1000,
        "idempotency_key": f"drill-{step}",
    }
    call = Call("/api/billing/topups", body, f"top_up:drill-{step}")
    before = await _balance(database, charged)
    await _cut_off(operator, database, step, call)
    assert await _balance(database, charged) == before + 1000


@pytest.mark.parametrize("step", REFUND)
async def test_a_refund_that_was_cut_off_is_made_once_when_it_is_sent_again(
    operator: Operator, database: asyncpg.Connection, charged: Charged, step: str
) -> None:
    body = {
        "request_id": charged.request_ids[REFUND.index(step)],
        "quota_units": 1,
        "idempotency_key": f"drill-{step}",
        "reason": "drill",
    }
    call = Call("/api/billing/refunds", body, f"refund:drill-{step}")
    before = await _balance(database, charged), await counted_use(database, charged.customer)
    await _cut_off(operator, database, step, call)
    assert await _balance(database, charged) == before[0] + 1
    assert await counted_use(database, charged.customer) == [used - 1 for used in before[1]]


async def test_after_all_of_them_everybody_agrees(drill_stack: Stack) -> None:
    await drill_stack.wait_ready("billing-0")
    await caught_up(drill_stack)
    code, output = await reconcile(drill_stack)
    assert code == 0, output
    connection = await asyncpg.connect(drill_stack.dsn("reconcile"))
    try:
        chains = await check_table(connection, None)
    finally:
        await connection.close()
    assert (chains.breaks, chains.entries > 0) == ([], True)


async def _cut_off(operator: Operator, database: asyncpg.Connection, step: str, call: Call) -> None:
    """Kill the billing that answers while it is at the step, and send the same again."""
    stack = operator.stack
    async with held(database, step, "billing-0"):
        asking = asyncio.create_task(operator.answer("POST", call.path, call.body))
        await until_it_waits(database)
        await stack.kill("billing-0")
    _, cut = await asking
    assert not cut.get("success"), "who asked was not told that it was done"
    was_done = await database.fetchval(
        "SELECT count(*) FROM billing.ledger_entries WHERE cause = $1", call.cause
    )
    assert was_done == (step == "commit")
    await stack.start_process("billing-0")
    for is_repeated in (bool(was_done), True):
        told = await _insist(operator, call)
        assert told["is_repeated"] is is_repeated


async def _insist(operator: Operator, call: Call) -> Any:
    """Send it until it is answered: as soon as billing is up again."""
    async with asyncio.timeout(60):
        while True:
            _, told = await operator.answer("POST", call.path, call.body)
            if told.get("success"):
                return told["data"]
            await asyncio.sleep(0.1)


async def _balance(database: asyncpg.Connection, charged: Charged) -> int:
    return int(
        await database.fetchval(
            "SELECT balance_units FROM billing.accounts WHERE workspace_id = $1",
            charged.customer.workspace_id,
        )
    )

"""kill -9 of billing while a what-if's differences are posted: each is an adjustment, once."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from operations.ledger_chain.table import check_table
from services.billing.what_if.posting_differences import POSTED_AT_ONCE
from tests.failure.held_steps import held, until_it_waits
from tests.gateway.catching_up import caught_up
from tests.gateway.counting import reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import MODEL, Customer, Operator
from tests.gateway.use import counted_use

STEPS: Final = ("ledger_entries", "charge_settlements", "quota_data", "commit")
_CLIENTS: Final = 24
_DEADLINE_S: Final = 90
PATH: Final = "/api/billing/what-if"


class Charged(NamedTuple):
    """A customer with more charges than are posted at once, and the time in which they are."""

    customer: Customer
    since: int
    until: int
    entries: int


@pytest_asyncio.fixture(loop_scope="session")
async def database(drill_stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(drill_stack.dsn("superuser"))
    yield connection
    await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def charged(shared_drill_stack: Stack, operator: Operator) -> Charged:
    customer = await operator.customer(quota_units=10**9)
    since = int(time.time())
    urls = [shared_drill_stack.relay_url(number) for number in range(4)]
    clients = Clients(urls, [customer.api_key], count=_CLIENTS)
    async with clients.running() as got:
        await clients.at_least(POSTED_AT_ONCE + 50)
    await caught_up(shared_drill_stack)
    until = int(time.time()) + 1
    while time.time() <= until:
        await asyncio.sleep(0.05)
    return Charged(customer, since, until, len(got.whole))


@pytest.mark.parametrize("step", STEPS)
async def test_differences_whose_posting_was_cut_off_are_posted_once(
    drill_stack: Stack,
    operator: Operator,
    database: asyncpg.Connection,
    charged: Charged,
    step: str,
) -> None:
    before = await counted_use(database, charged.customer)
    # Dearer than the price before and the steps before, so that every charge differs.
    run = await _rated(operator, charged, ratio=1 + STEPS.index(step))
    entries, difference = run["requests"], run["difference_units"]
    assert entries >= charged.entries > POSTED_AT_ONCE
    async with held(database, step, "billing-%"):
        await operator.call(
            "POST", f"{PATH}/{run['run_id']}/post", {"confirm_difference_units": difference}
        )
        waiting = await until_it_waits(database)
        await drill_stack.kill(waiting)
    try:
        # The other goes on with it, before the one that was killed is back.
        await _until_posted(database, run["run_id"])
    finally:
        await drill_stack.start_process(waiting)
    await drill_stack.wait_ready(waiting)

    posted = await database.fetchrow(
        "SELECT count(*), count(DISTINCT refers_to_entry_id), -sum(amount_units)::bigint"
        " FROM billing.ledger_entries WHERE cause LIKE $1",
        f"adjustment:what-if:{run['run_id']}:%",
    )
    assert posted is not None
    assert tuple(posted) == (entries, entries, difference)
    assert await counted_use(database, charged.customer) == [was + difference for was in before]
    again = await _rated(operator, charged, draft_id=run["draft_id"])
    assert (again["requests"], again["difference_units"]) == (entries, 0)


async def test_after_all_of_them_everybody_agrees(drill_stack: Stack) -> None:
    for name in ("billing-0", "billing-1"):
        await drill_stack.wait_ready(name)
    await caught_up(drill_stack)
    code, output = await reconcile(drill_stack)
    assert code == 0, output
    connection = await asyncpg.connect(drill_stack.dsn("reconcile"))
    try:
        chains = await check_table(connection, None)
    finally:
        await connection.close()
    assert (chains.breaks, chains.entries > 0) == ([], True)


async def _rated(
    operator: Operator, charged: Charged, *, ratio: int = 0, draft_id: int | None = None
) -> Any:
    """A run over the customer's charges, with a draft of its own unless there is one."""
    if draft_id is None:
        draft = {"name": "drill", "source": "file", "prices": {MODEL: {"model_ratio": ratio}}}
        draft_id = (await operator.call("POST", "/api/prices/drafts", draft))["draft_id"]
    body = {
        "from": charged.since,
        "to": charged.until,
        "workspace_id": charged.customer.workspace_id,
        "price": {"draft_id": draft_id},
    }
    run = await operator.call("POST", PATH, body)
    async with asyncio.timeout(_DEADLINE_S):
        while run["state"] != "rated":
            await asyncio.sleep(0.1)
            run = await operator.call("GET", f"{PATH}/{run['run_id']}")
    return run


async def _until_posted(database: asyncpg.Connection, run_id: int) -> None:
    query = "SELECT state FROM billing.what_if_runs WHERE run_id = $1"
    async with asyncio.timeout(_DEADLINE_S):
        while await database.fetchval(query, run_id) != "posted":
            await asyncio.sleep(0.1)

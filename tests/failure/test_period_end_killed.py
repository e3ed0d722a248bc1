"""kill -9 of billing at every step of a budget period's end: closed once, with what was spent."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.failure.held_steps import held, until_it_waits
from tests.gateway.catching_up import caught_up, read_topic
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.load import Clients
from tests.gateway.operator import Operator

STEPS = ("budget_history", "budgets", "event_outbox")
CLOSED = b"ledgerline.budget.period_closed.v1"


@pytest_asyncio.fixture(loop_scope="session")
async def database(drill_stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(drill_stack.dsn("superuser"))
    yield connection
    await connection.close()


@pytest.mark.parametrize("step", STEPS)
async def test_a_period_whose_end_was_cut_off_is_closed_once(
    drill_stack: Stack, operator: Operator, database: asyncpg.Connection, step: str
) -> None:
    customer = await operator.customer(quota_units=1_000_000)
    wanted = {
        "workspace_id": customer.workspace_id,
        "name": step,
        "amount_cents": 10_000,
        "period": "YEARLY",
    }
    budget = await operator.call("POST", "/api/billing/budgets", wanted)
    clients = Clients([drill_stack.relay_url()], [customer.api_key], count=1)
    async with clients.running() as got:
        await clients.at_least(3)
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=got.whole)
    assert_exactly_once(counted, got.whole, in_flight=0)
    charged = await database.fetchval(
        "SELECT charged_units FROM billing.accounts WHERE workspace_id = $1", customer.workspace_id
    )
    assert charged > 0
    async with held(database, step, "billing-%"):
        # Before the next charge of the drills, and after this one: the sweep is what closes it.
        ends = datetime.now(UTC) - timedelta(milliseconds=1)
        await database.execute(
            "UPDATE billing.budgets SET period_end = $2 WHERE id = $1", budget["id"], ends
        )
        waiting = await until_it_waits(database)
        await drill_stack.kill(waiting)
    await drill_stack.start_process(waiting)
    past = await _until_closed(operator, budget["id"])
    assert (past["actual_spent_units"], past["request_count"]) == (
        charged,
        await database.fetchval(
            "SELECT count(*) FROM billing.ledger_entries WHERE workspace_id = $1"
            " AND kind = 'charge'",
            customer.workspace_id,
        ),
    )
    running = await operator.call("GET", f"/api/billing/budgets/{budget['id']}")
    assert (running["current_spent_units"], running["period_start"]) == (0, past["period_end"])
    await drill_stack.wait_ready(waiting)
    await caught_up(drill_stack)
    told = [
        event
        for record in await read_topic(drill_stack, "billing.ledger")
        if record.headers.get("ce_type") == CLOSED and record.value is not None
        if (event := json.loads(record.value))["budget_id"] == budget["id"]
    ]
    assert [(event["spent_units"], event["is_amended"]) for event in told] == [(charged, False)]
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def _until_closed(operator: Operator, budget_id: int) -> Any:
    async with asyncio.timeout(60):
        while True:
            _, told = await operator.answer("GET", f"/api/billing/budgets/{budget_id}/history")
            if told.get("success") and told["data"]["items"]:
                (past,) = told["data"]["items"]
                return past
            await asyncio.sleep(0.2)

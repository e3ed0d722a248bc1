"""Budgets, settlements, grants, chains: right whatever billing does, and each wrong row named."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from operations.reconcile.gaps import Gap
from shared.events.requests import RequestCompleted
from shared.postgres.pool import open_pool
from tests.integration.billing.charges import post, request
from tests.integration.billing.lease_messages import fund
from tests.integration.billing.test_adjustments import correct
from tests.integration.billing.test_budgets import back, make
from tests.integration.billing.test_grants import grant
from tests.integration.billing.test_refunds import give_back
from tests.integration.reconcile.random_moves import RandomMoves
from tests.integration.reconcile.world import World

BUDGETS = "I10 budgets = ledger entries of their periods"
SETTLEMENTS = "I8 settlements = refunds and adjustments of a charge"
GRANTS = "grants = given - paid - expired"
CHAINS = "I9 chains of ledger entries"
DAY = timedelta(days=1)


@pytest.fixture
async def pool(world: World) -> AsyncIterator[asyncpg.Pool]:
    """Billing's own role on the tables that are looked at."""
    dsn = world.database.dsn("billing")
    async with open_pool(dsn, min_size=1, max_size=4, application_name="test") as opened:
        yield opened


async def of_money(world: World, *, all_chains: bool = False) -> dict[str, list[Gap]]:
    """The gaps of the checks that this file is about: here nothing is on the topic."""
    gaps = await world.gaps(all_chains=all_chains)
    mine = (BUDGETS, SETTLEMENTS, GRANTS, CHAINS)
    return {name: found for name, found in gaps.items() if name in mine}


def ago(days: float) -> datetime:
    return datetime.now(UTC) - days * DAY


@asynccontextmanager
async def tampered(world: World, statement: str) -> AsyncIterator[None]:
    """As somebody who may do anything: triggers do not see it. Undone at the end."""
    table = statement.removeprefix("DELETE FROM ").removeprefix("UPDATE ").partition(" ")[0]
    kept = "kept_by_the_test"
    await world.execute("SET session_replication_role = replica")
    await world.execute(f"CREATE TABLE {kept} AS TABLE {table}")
    try:
        await world.execute(statement)
        yield
    finally:
        await world.execute(f"DELETE FROM {table}")
        await world.execute(f"INSERT INTO {table} SELECT * FROM {kept}")
        await world.execute(f"DROP TABLE {kept}")


async def a_little_of_everything(pool: asyncpg.Pool) -> list[RequestCompleted]:
    """Two budgets with three days that are over, a grant that pays, a refund, an adjustment."""
    await fund(pool, 100_000)
    for wanted in ({"project_id": None}, {"project_id": 5}):
        await back(pool, await make(pool, **wanted), 3)
    await grant(pool, 1_000)
    events = [
        request(quota=100, completed_at=ago(3)),
        request(quota=300, completed_at=ago(0), project=5),
        request(quota=20, completed_at=ago(2), project=5),
    ]
    for event in events:
        await post(pool, event)
    await give_back(pool, events[1], units=40)
    await correct(pool, quota_units=-7, refers_to_request_id=events[2].request_id)
    await correct(pool, key="of no charge", quota_units=-9)
    return events


async def test_a_row_that_somebody_changed_is_named(world: World, pool: asyncpg.Pool) -> None:
    events = await a_little_of_everything(pool)
    assert await of_money(world) == {}
    first = await pool.fetchrow(
        "SELECT id, budget_id, period_start FROM budget_history ORDER BY period_start LIMIT 1"
    )
    assert first is not None
    past = f"budget {first['budget_id']}, period from {first['period_start'].isoformat()}"
    running = await pool.fetchval("SELECT period_start FROM budgets WHERE id = 2")
    cases = [
        (
            f"UPDATE billing.budget_history SET actual_spent_units = 1 WHERE id = {first['id']}",
            {BUDGETS: {past}},
        ),
        (
            "UPDATE billing.budgets SET current_spent_units = current_spent_units - 1 WHERE id = 2",
            {BUDGETS: {f"budget 2, period from {running.isoformat()}"}},
        ),
        (
            "UPDATE billing.charge_settlements SET refunded_units = 39 WHERE refunded_units = 40",
            {SETTLEMENTS: {events[1].request_id}},
        ),
        (
            "DELETE FROM billing.charge_settlements WHERE adjusted_units = 7",
            {SETTLEMENTS: {events[2].request_id}},
        ),
        (
            "UPDATE billing.grants SET remaining_units = remaining_units + 1",
            {GRANTS: {"grant 1"}},
        ),
        (
            "UPDATE billing.grants SET granted_units = 2000",
            {GRANTS: {"grant 1"}},
        ),
        (
            "UPDATE billing.accounts SET head_hash = sha256('x')",
            {CHAINS: {"account 1"}},
        ),
    ]
    for statement, wanted in cases:
        async with tampered(world, statement):
            gaps = await of_money(world)
        found = {name: {gap.subject for gap in each} for name, each in gaps.items()}
        assert found == wanted, statement
    assert await of_money(world) == {}


async def test_a_period_that_is_missing_shows_in_those_beside_it(
    world: World, pool: asyncpg.Pool
) -> None:
    await a_little_of_everything(pool)
    async with tampered(
        world,
        "DELETE FROM billing.budget_history WHERE budget_id = 1 AND period_start ="
        " (SELECT min(period_start) FROM billing.budget_history WHERE budget_id = 1)",
    ):
        (gap,) = (await of_money(world))[BUDGETS]
    assert gap.what.startswith("what was before it ended at ")


async def test_an_entry_that_somebody_changed_breaks_its_chain(
    world: World, pool: asyncpg.Pool
) -> None:
    await a_little_of_everything(pool)
    entry = await pool.fetchval("SELECT max(entry_id) FROM ledger_entries WHERE kind = 'refund'")
    async with tampered(
        world, f"UPDATE billing.ledger_entries SET note = 'x' WHERE entry_id = {entry}"
    ):
        sampled, whole = await of_money(world), await of_money(world, all_chains=True)
    assert sampled == whole
    (gap,) = whole[CHAINS]
    assert gap.subject == "account 1"
    assert gap.what.startswith(f"entry {entry} is broken: hash: ")


async def test_a_long_chain_is_sampled_and_a_note_says_so(world: World, pool: asyncpg.Pool) -> None:
    await post(pool, *(request(quota=1) for _ in range(1_100)))
    first = await pool.fetchval("SELECT min(entry_id) FROM ledger_entries")
    async with tampered(
        world, f"UPDATE billing.ledger_entries SET note = 'x' WHERE entry_id = {first}"
    ):
        findings = await world.reconcile()
        assert await of_money(world) == {}
        assert CHAINS in await of_money(world, all_chains=True)
    assert any("--chains follows them all" in note for note in findings.notes)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_billing_does_is_no_gap(world: World, pool: asyncpg.Pool, seed: int) -> None:
    moves = RandomMoves(pool, seed)
    await moves.begin()
    for number in range(120):
        await moves.one()
        if number % 30 == 0:
            assert await of_money(world) == {}, f"after {number} moves"
    await moves.finish()
    assert await of_money(world, all_chains=True) == {}
    kinds = {row[0] for row in await pool.fetch("SELECT DISTINCT kind FROM ledger_entries")}
    assert kinds >= {"charge", "refund", "adjustment", "grant", "expiry", "transfer"}

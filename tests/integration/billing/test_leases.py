"""Lease messages as they come over a bad network, and charges that come when they come."""

import asyncio
from functools import partial

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from services.billing.leases.leasing import answer_message
from services.billing.leases.releases import Order, release
from services.billing.metrics import BillingMetrics
from services.billing.sweep import sweep
from shared.http.envelope import EnvelopeError
from shared.leases.protocol import LeaseAsks, LeaseState
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import assert_sums_agree, balance, one_row, post, request
from tests.integration.billing.lease_messages import ask, fund, tell

HELD = "SELECT held_units, uncharged_units FROM accounts WHERE workspace_id = 1"


async def test_a_message_whose_answer_was_lost_is_asked_again(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    (first,) = await tell(pool, ask("l1", 1, need=300))
    (again,) = await tell(pool, ask("l1", 1, need=300))
    assert again == first
    assert await one_row(pool, HELD) == (300, 0)


async def test_an_older_message_that_comes_late_changes_nothing(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await tell(pool, ask("l1", 2, need=400))
    (late,) = await tell(pool, ask("l1", 1, need=10, want=10))
    assert (late.seq, late.granted_total) == (2, 400)
    await assert_sums_agree(pool)


async def test_a_lease_closed_twice_releases_once(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await tell(pool, ask("l1", 1, need=400))
    for seq in (2, 3):
        (answer,) = await tell(pool, ask("l1", seq, used=100, close=True))
        assert answer.state is LeaseState.CLOSED
        assert await one_row(pool, HELD) == (100, 100)
    await post(pool, request(quota=100, hold=100, lease="l1"))
    assert await one_row(pool, HELD) == (0, 0)
    await assert_sums_agree(pool)


async def test_events_that_come_after_the_close_are_charged(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await tell(pool, ask("l1", 1, need=400))
    await tell(pool, ask("l1", 2, used=70, close=True))
    await post(pool, *(request(quota=35, lease="l1") for _ in range(2)))
    assert await balance(pool) == 930
    assert await one_row(pool, HELD) == (0, 0)
    await assert_sums_agree(pool)


async def test_a_late_ask_does_not_open_a_lease_that_was_closed_unseen(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await tell(pool, ask("l1", 9, used=20, close=True))
    (answer,) = await tell(pool, ask("l1", 1, need=500))
    assert answer.state is LeaseState.CLOSED
    assert await one_row(pool, HELD) == (20, 20)


async def test_a_charge_for_an_unknown_lease_is_charged_and_remembered(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await post(pool, request(quota=50, lease="l1"))
    assert await one_row(pool, HELD) == (0, 0)
    await tell(pool, ask("l1", 1, used=50, need=80))
    assert await one_row(pool, HELD) == (30, 0)
    await assert_sums_agree(pool)


async def test_a_repeated_event_moves_no_lease(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await tell(pool, ask("l1", 1, need=400))
    event = request(quota=100, hold=100, lease="l1")
    assert [await post(pool, event) for _ in range(3)] == [1, 0, 0]
    assert await one_row(pool, HELD) == (300, 0)
    await assert_sums_agree(pool)


async def test_relays_at_once_never_get_more_than_there_is(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    answers = await asyncio.gather(
        *(tell(pool, ask(f"l{n}", 1, need=150), relay=f"r{n}") for n in range(20))
    )
    granted = [answer.granted_total for (answer,) in answers]
    assert sorted(granted) == [0] * 14 + [150] * 6
    assert all(answer.spendable_units == 1000 for (answer,) in answers)
    await assert_sums_agree(pool)


async def test_a_message_of_ten_thousand_leases_is_one_transaction(pool: asyncpg.Pool) -> None:
    await pool.execute(
        "INSERT INTO accounts (workspace_id, balance_units) SELECT n, 1000 FROM"
        " generate_series(1, 5000) AS n"
    )
    asks = tuple(ask(f"lease-{n}", 1, workspace=n, need=100) for n in range(1, 10_001))
    statements: list[str] = []
    async with pool.acquire() as connection, connection.transaction():
        with connection.query_logger(lambda query: statements.append(query.query)):
            message = LeaseAsks(relay_id="r1", leases=asks)
            answers = (await answer_message(connection, message)).leases
    assert 0 < len(statements) < 20, "as many as for one lease"
    assert [a.lease_id for a in answers] == [a.lease_id for a in asks]
    assert [a.granted_total for a in answers] == [100] * 5000 + [0] * 5000
    held = await one_row(pool, "SELECT sum(held_units)::bigint, count(*) FROM accounts")
    assert held == (500_000, 10_000)


async def test_a_release_by_force_happens_once_and_says_what_it_exposes(
    pool: asyncpg.Pool,
) -> None:
    await fund(pool, 1000)
    await tell(pool, ask("l1", 1, used=100, need=400))
    order = partial(release, order=Order(lease_id="l1"))
    done = await in_transaction(pool, order)
    assert (done.exposure_units, done.still_held_units) == (300, 100)
    done = await in_transaction(pool, order)
    assert (done.exposure_units, done.still_held_units) == (100, 0)
    with pytest.raises(EnvelopeError):
        await in_transaction(pool, order)
    (answer,) = await tell(pool, ask("l1", 2, used=100, need=400))
    assert answer.state is LeaseState.CLOSED
    rows = await pool.fetch(
        "SELECT amount_units, exposure_units, balance_after_units FROM ledger_entries"
        " WHERE kind = 'release' ORDER BY entry_id"
    )
    assert [tuple(row) for row in rows] == [(0, 300, 1000), (0, 100, 1000)]


async def test_leases_without_a_heartbeat_for_a_day_are_released(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await tell(pool, ask("old", 1, need=400), ask("new", 1, need=100))
    await pool.execute(
        "UPDATE leases SET heartbeat_at = now() - interval '25 hours' WHERE lease_id = 'old'"
    )
    metrics = BillingMetrics(CollectorRegistry())
    await sweep(pool, metrics)
    rows = await pool.fetch("SELECT lease_id, is_open, close_reason FROM leases ORDER BY lease_id")
    assert [tuple(row) for row in rows] == [("new", True, None), ("old", False, "abandoned")]
    assert await one_row(pool, HELD) == (100, 0)
    await assert_sums_agree(pool)

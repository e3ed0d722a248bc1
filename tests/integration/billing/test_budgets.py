"""Budgets in the ledger's own transactions: what is counted, told, closed and amended."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from services.billing.budgets import changing
from services.billing.budgets.changing import Who, change_budget, create_budget, remove_budget
from services.billing.budgets.posting import close_due
from services.billing.budgets.store_settings import Spent, read_spent
from services.billing.budgets.zones import follow_zones
from shared.audit.actions import Actor
from shared.events.budgets import BudgetPeriod
from shared.events.directory import Role
from shared.events.requests import Outcome
from shared.kafka.outbox_rows import decode_row
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import assert_sums_agree, one_row, post, request
from tests.integration.billing.conftest import NOON
from tests.integration.billing.lease_messages import ask, fund, tell

pytestmark = pytest.mark.usefixtures("at_noon")
ACTOR = Actor(user_id=1, name="root", role=Role.ROOT, workspace_id=1)
ANYBODY = Who(actor=ACTOR, workspace_id=None)
DAY = timedelta(days=1)


async def make(pool: asyncpg.Pool, *, zone: str = "UTC", **wanted: Any) -> int:
    budget = {
        "workspace_id": 1,
        "provider_id": None,
        "project_id": None,
        "name": "research",
        "description": "",
        "amount_cents": 1,
        "period": BudgetPeriod.DAILY,
        "is_hard_limit": False,
        "alert_thresholds": (50, 80, 100),
        "is_active": True,
    } | wanted
    return await in_transaction(
        pool, lambda connection: create_budget(connection, ACTOR, budget, timezone=zone)
    )


async def change(pool: asyncpg.Pool, budget: int, **changes: Any) -> None:
    await in_transaction(
        pool, lambda connection: change_budget(connection, ANYBODY, budget, changes)
    )


async def spent(pool: asyncpg.Pool, budget: int) -> tuple[int, int, int]:
    units, requests, errors = await one_row(
        pool,
        f"SELECT current_spent_units, request_count, error_count FROM budgets WHERE id = {budget}",
    )
    return units, requests, errors


async def told(pool: asyncpg.Pool, kind: str) -> list[dict[str, Any]]:
    """What the outbox has of budgets, oldest first."""
    rows = await pool.fetch(
        "SELECT records FROM event_outbox WHERE topic = 'billing.ledger' ORDER BY id"
    )
    return [
        orjson.loads(record.value)
        for row in rows
        for record in decode_row(row["records"])
        if record.value is not None
        and dict(record.headers)["ce_type"] == f"ledgerline.budget.{kind}.v1".encode()
    ]


async def back(pool: asyncpg.Pool, budget: int, days: int) -> None:
    """Let a budget's periods be those of days ago, as if nothing had run since."""
    await pool.execute(
        "UPDATE budgets SET period_start = period_start - $2::interval,"
        " period_end = period_end - $2::interval,"
        " first_period_start = first_period_start - $2::interval WHERE id = $1",
        budget,
        timedelta(days=days),
    )


def now() -> datetime:
    return NOON


async def test_what_matches_is_counted_once_with_its_errors(pool: asyncpg.Pool) -> None:
    await fund(pool, 100_000)
    whole = await make(pool)
    project = await make(pool, project_id=5)
    provider = await make(pool, provider_id=6)
    other = await make(pool, workspace_id=2)
    events = [
        request(quota=100, completed_at=now()),
        request(quota=20, project=5, completed_at=now()),
        request(quota=3, project=5, provider=6, outcome=Outcome.FAILED, completed_at=now()),
        request(quota=0, provider=6, outcome=Outcome.FAILED, completed_at=now()),
        request(quota=0, provider=7, outcome=Outcome.REJECTED, completed_at=now()),
    ]
    for _ in range(2):
        await post(pool, *events)
    await post(pool, events[3])
    assert await spent(pool, whole) == (123, 5, 2 + 1)
    assert await spent(pool, project) == (23, 2, 1)
    assert await spent(pool, provider) == (3, 2, 2)
    assert await spent(pool, other) == (0, 0, 0)
    await assert_sums_agree(pool)


async def test_a_new_budget_has_seen_what_its_period_has_seen(pool: asyncpg.Pool) -> None:
    await fund(pool, 100_000)
    yesterday = request(quota=1_000, completed_at=now() - DAY)
    await post(pool, request(quota=4_000, completed_at=now()), yesterday)
    budget = await make(pool)
    assert await spent(pool, budget) == (4_000, 1, 0)
    assert [event["threshold_percent"] for event in await told(pool, "threshold_crossed")] == [
        50,
        80,
    ]


async def test_no_charge_waits_while_a_new_budget_looks_at_the_past(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year may have millions of entries. What is charged meanwhile counts as well, and once."""
    await fund(pool, 100_000)
    await post(pool, request(quota=4_000, completed_at=now()))
    reads: list[Spent] = []

    async def read_slowly(*args: Any, **span: Any) -> Spent:
        found = await read_spent(*args, **span)
        reads.append(found)
        if len(reads) == 1:
            await post(pool, request(quota=30, completed_at=now()))
        return found

    monkeypatch.setattr(changing, "read_spent", read_slowly)
    budget = await make(pool)
    await post(pool, request(quota=2, completed_at=now()))
    assert [found.units for found in reads] == [4_000, 30]
    assert await spent(pool, budget) == (4_032, 3, 0)


async def test_what_failed_so_long_ago_that_its_note_is_gone_is_not_counted_again(
    pool: asyncpg.Pool,
) -> None:
    budget = await make(pool)
    await back(pool, budget, 40)
    await close_due(pool, 10)
    failed = [
        request(quota=0, outcome=Outcome.FAILED, completed_at=now() - days * DAY)
        for days in (30, 40)
    ]
    for _ in range(2):
        await post(pool, *failed)
    assert await pool.fetchval("SELECT sum(error_count) FROM budget_history") == 1


async def test_each_threshold_is_told_once_in_a_period(pool: asyncpg.Pool) -> None:
    await fund(pool, 100_000)
    budget = await make(pool)
    for units in (2_499, 1, 1, 1_499, 999, 1, 5_000):
        await post(pool, request(quota=units, completed_at=now()))
    crossed = await told(pool, "threshold_crossed")
    assert [(event["threshold_percent"], event["spent_units"]) for event in crossed] == [
        (50, 2_500),
        (80, 4_000),
        (100, 5_000),
    ]
    await change(pool, budget, amount_cents=2)
    await change(pool, budget, amount_cents=1)
    assert len(await told(pool, "threshold_crossed")) == 3
    last = await pool.fetchval("SELECT last_alert_threshold FROM budgets")
    assert last == 100


async def test_periods_are_closed_after_downtime_and_late_charges_amend_them(
    pool: asyncpg.Pool,
) -> None:
    await fund(pool, 100_000)
    budget = await make(pool)
    await back(pool, budget, 3)
    await post(pool, request(quota=7, completed_at=now() - 3 * DAY))
    assert await close_due(pool, 10) == 1
    assert await close_due(pool, 10) == 0
    history = "SELECT actual_spent_units, request_count, error_count FROM budget_history"
    in_order = f"{history} ORDER BY period_start"
    assert [tuple(row) for row in await pool.fetch(in_order)] == [(7, 1, 0), (0, 0, 0), (0, 0, 0)]
    assert [event["spent_units"] for event in await told(pool, "period_closed")] == [7, 0, 0]

    late = request(quota=4_100, completed_at=now() - 2 * DAY)
    failed = request(quota=0, outcome=Outcome.FAILED, completed_at=now() - DAY)
    before_it = request(quota=9, completed_at=now() - 9 * DAY)
    for _ in range(2):
        await post(pool, late, failed, before_it)
    assert [tuple(row) for row in await pool.fetch(in_order)] == [
        (7, 1, 0),
        (4_100, 1, 0),
        (0, 1, 1),
    ]
    assert await spent(pool, budget) == (0, 0, 0)
    amended = [event for event in await told(pool, "period_closed") if event["is_amended"]]
    assert sorted(event["spent_units"] for event in amended) == [0, 4_100]
    crossed = await told(pool, "threshold_crossed")
    assert [(event["threshold_percent"], event["is_late"]) for event in crossed] == [
        (50, True),
        (80, True),
    ]
    # The gapless tiling that all of this rests on.
    gaps = await pool.fetchval(
        """
        SELECT count(*) FROM (
            SELECT period_start, lag(period_end) OVER (ORDER BY period_start) AS before
            FROM (SELECT period_start, period_end FROM budget_history
                  UNION ALL SELECT period_start, period_end FROM budgets) AS periods
        ) AS periods WHERE before IS NOT NULL AND before <> period_start
        """
    )
    assert gaps == 0


async def test_a_batch_over_midnight_is_parted(pool: asyncpg.Pool) -> None:
    await fund(pool, 100_000)
    budget = await make(pool)
    await back(pool, budget, 1)
    await post(
        pool,
        request(quota=5, completed_at=now()),
        request(quota=3, completed_at=now() - DAY),
    )
    assert await spent(pool, budget) == (5, 1, 0)
    assert await pool.fetchval("SELECT actual_spent_units FROM budget_history") == 3
    assert [event["is_amended"] for event in await told(pool, "period_closed")] == [False]


async def test_another_length_begins_a_period_now(pool: asyncpg.Pool) -> None:
    await fund(pool, 100_000)
    budget = await make(pool)
    await post(pool, request(quota=5, completed_at=now()))
    await change(pool, budget, period=BudgetPeriod.MONTHLY, description="of a month")
    await post(pool, request(quota=8, completed_at=now()))
    assert await spent(pool, budget) == (8, 1, 0)
    past = await one_row(
        pool,
        "SELECT h.period, actual_spent_units, h.period_end = b.period_start"
        " FROM budget_history h, budgets b",
    )
    assert past == ("DAILY", 5, True)


async def test_a_new_zone_of_the_workspace_holds_from_the_next_period_on(
    pool: asyncpg.Pool,
) -> None:
    budget = await make(pool)
    zones = {1: "Asia/Kathmandu"}
    for _ in range(2):
        await follow_zones(pool, zones.get)
    zone = "SELECT timezone, next_timezone FROM budgets"
    assert await one_row(pool, zone) == ("UTC", "Asia/Kathmandu")
    await back(pool, budget, 1)
    await close_due(pool, 10)
    assert await one_row(pool, zone) == ("Asia/Kathmandu", None)
    zones[1] = "Mars/Olympus"
    await follow_zones(pool, zones.get)
    assert await one_row(pool, zone) == ("Asia/Kathmandu", None)


async def test_a_hard_budget_grants_no_more_than_its_amount(pool: asyncpg.Pool) -> None:
    await fund(pool, 100_000)
    budget = await make(pool, is_hard_limit=True)
    answers = [
        (await tell(pool, ask(f"b{n}", 1, budget=budget, need=1_500), relay=f"r{n}"))[0]
        for n in range(5)
    ]
    assert [answer.granted_total for answer in answers] == [1_500] * 3 + [0, 0]
    assert answers[-1].is_short
    leases = {budget: "b0"}
    await post(pool, request(quota=1_500, lease="l1", budget_leases=leases, completed_at=now()))
    figures = "SELECT current_spent_units, held_units FROM budgets"
    assert await one_row(pool, figures) == (1_500, 3_000)
    await assert_sums_agree(pool)


async def test_a_budget_of_another_provider_is_not_charged_and_its_lease_is_given_back(
    pool: asyncpg.Pool,
) -> None:
    await fund(pool, 100_000)
    used, unused = [
        await make(pool, is_hard_limit=True, provider_id=provider) for provider in (1, 2)
    ]
    await tell(pool, ask("b1", 1, budget=used, need=100), ask("b2", 1, budget=unused, need=100))
    leases = {used: "b1", unused: "b2"}
    await post(pool, request(quota=60, provider=1, budget_leases=leases, completed_at=now()))
    await tell(
        pool,
        ask("b1", 2, budget=used, used=60, close=True),
        ask("b2", 2, budget=unused, used=0, close=True),
    )
    figures = "SELECT current_spent_units, held_units FROM budgets ORDER BY id"
    assert [tuple(row) for row in await pool.fetch(figures)] == [(60, 0), (0, 0)]
    await assert_sums_agree(pool)


async def test_a_period_that_is_over_grants_from_the_next_one_at_once(pool: asyncpg.Pool) -> None:
    await fund(pool, 100_000)
    budget = await make(pool, is_hard_limit=True)
    await back(pool, budget, 1)
    await post(pool, request(quota=5_000, completed_at=now() - DAY))
    (answer,) = await tell(pool, ask("b1", 1, budget=budget, need=4_000))
    assert answer.granted_total == 4_000
    assert await pool.fetchval("SELECT actual_spent_units FROM budget_history") == 5_000


async def test_a_budget_that_no_longer_refuses_blocks_no_relay_that_has_not_heard(
    pool: asyncpg.Pool,
) -> None:
    await fund(pool, 100_000)
    budget = await make(pool, is_hard_limit=True, amount_cents=0)
    (refused,) = await tell(pool, ask("b1", 1, budget=budget, need=10))
    assert (refused.granted_total, refused.is_short) == (0, True)
    await change(pool, budget, is_hard_limit=False)
    (answer,) = await tell(pool, ask("b1", 2, budget=budget, need=10))
    assert answer.granted_total >= 10
    await in_transaction(pool, lambda connection: remove_budget(connection, ANYBODY, budget))
    await post(pool, request(quota=10, budget_leases={budget: "b1"}, completed_at=now()))
    await tell(pool, ask("b1", 3, budget=budget, used=10, close=True))
    assert await spent(pool, budget) == (0, 0, 0)
    await assert_sums_agree(pool)

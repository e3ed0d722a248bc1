"""Counting spends against budgets, and closing periods: what is changed is written and told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg

from services.billing.budgets.applying import BudgetChanges, Crossed, Spend, apply, rolled
from services.billing.budgets.budget import BudgetRow
from services.billing.budgets.events import closed_record, crossed_record
from services.billing.budgets.store_budgets import lock_budgets, lock_due_budgets, write_budgets
from services.billing.budgets.store_history import amend_history, insert_closed, insert_crossings
from services.billing.budgets.thresholds import reached
from shared.events.budgets import BudgetPeriod
from shared.events.catalog import BILLING_LEDGER
from shared.kafka.outbox import enqueue
from shared.postgres.retrying import Connection, in_transaction
from shared.service.clock import utc_now


async def count_spends(connection: Connection, spends: Sequence[Spend]) -> dict[int, BudgetRow]:
    """Count what was spent, or given back, against the budgets of its workspaces.

    Locks them: after the accounts and keys, before leases. Not repeatable: whoever calls it has
    seen to it that what it counts is new. Answers the locked budgets as they are now.
    """
    locked = await lock_budgets(connection, workspace_ids={spend.workspace_id for spend in spends})
    return await count_locked(connection, locked, spends) if locked else {}


async def count_locked(
    connection: Connection, locked: Mapping[int, BudgetRow], spends: Sequence[Spend]
) -> dict[int, BudgetRow]:
    """The same, of budgets that the caller has locked. Deleted ones among them count nothing."""
    alive = [budget for budget in locked.values() if not budget.is_deleted]
    now = utc_now()
    changes = apply(alive, spends, now)
    await write_changes(connection, locked, changes, now)
    return {**locked, **changes.changed}


async def lock_current(connection: Connection, ids: Iterable[int]) -> dict[int, BudgetRow]:
    """Lock budgets, each in the period that runs by the clock: what is over is closed first."""
    wanted = list(ids)
    if not wanted:
        return {}
    return await bring_up_to_date(connection, await lock_budgets(connection, ids=wanted))


async def bring_up_to_date(
    connection: Connection, locked: Mapping[int, BudgetRow]
) -> dict[int, BudgetRow]:
    """Close what is over of locked budgets, and tell what they have reached. Repeatable."""
    now = utc_now()
    changes = rolled((budget for budget in locked.values() if not budget.is_deleted), now)
    await write_changes(connection, locked, changes, now)
    return {**locked, **changes.changed}


async def close_due(pool: asyncpg.Pool, limit: int) -> int:
    """Close the periods that are over, of some budgets; answers of how many. Repeatable."""
    return await in_transaction(pool, partial(_close_due, limit=limit), idempotent=True)


async def _close_due(connection: Connection, limit: int) -> int:
    due = await lock_due_budgets(connection, limit, utc_now())
    await bring_up_to_date(connection, {budget.id: budget for budget in due})
    return len(due)


async def write_changes(
    connection: Connection, locked: Mapping[int, BudgetRow], changes: BudgetChanges, now: datetime
) -> None:
    """Write what was worked out for locked budgets, and tell of it."""
    await insert_closed(connection, changes.closed)
    amended = await amend_history(connection, changes.late)
    late = [_as_it_was(locked[row["budget_id"]], row) for row in amended]
    crossed = [
        *changes.crossed,
        *(
            crossing
            for budget, row in zip(late, amended, strict=True)
            for crossing in _crossed_late(budget, row["late_units"])
        ),
    ]
    await write_budgets(connection, changes.changed)
    told = await insert_crossings(connection, crossed)
    records = [
        *(closed_record(one.budget, now=now) for one in changes.closed),
        *(closed_record(budget, now=now, is_amended=True) for budget in late),
        *(crossed_record(crossing, now=now) for crossing in told),
    ]
    await enqueue(connection, BILLING_LEDGER.name, records)


def _as_it_was(budget: BudgetRow, row: Any) -> BudgetRow:
    """The budget in a period that is over."""
    return replace(
        budget,
        period=BudgetPeriod(row["period"]),
        timezone=row["timezone"],
        amount_cents=row["budget_amount_cents"],
        spent_units=row["actual_spent_units"],
        request_count=row["request_count"],
        error_count=row["error_count"],
        period_start=row["period_start"],
        period_end=row["period_end"],
    )


def _crossed_late(budget: BudgetRow, late_units: int) -> list[Crossed]:
    if not budget.is_active:
        return []
    amount = budget.amount_units
    before = reached(
        budget.alert_thresholds, spent_units=budget.spent_units - late_units, amount_units=amount
    )
    after = reached(budget.alert_thresholds, spent_units=budget.spent_units, amount_units=amount)
    return [Crossed(budget, percent, is_late=True) for percent in after if percent not in before]

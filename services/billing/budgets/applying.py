"""What spends do to budgets: to the running period, and to those that are over. Pure.

A spend belongs to the period that its moment lies in. The running period ends when a later one is
met, or by the clock; each that ended is closed, one by one, also those in which nothing was spent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from services.billing.budgets.budget import BudgetRow
from services.billing.budgets.matching import covers
from services.billing.budgets.periods import period_of
from services.billing.budgets.thresholds import reached
from shared.events.budgets import BudgetPeriod

MOST_AHEAD: Final = timedelta(minutes=5)
"""By how much a relay's clock may be ahead of ours before its times are not believed."""


class Spend(NamedTuple):
    """What was spent at one moment, or given back."""

    workspace_id: int
    project_id: int | None
    provider_id: int | None
    units: int
    """Below zero for a refund."""
    requests: int
    errors: int
    at: datetime
    """Of the request; of what is refunded, and not of the refund."""


class Closed(NamedTuple):
    """A period that is over, with the budget as it was at its end."""

    budget: BudgetRow


class Late(NamedTuple):
    """What is still to be added to a period that was closed before."""

    budget_id: int
    units: int
    requests: int
    errors: int
    at: datetime


class Crossed(NamedTuple):
    """A share of the amount that a budget has reached in a period, for the first time."""

    budget: BudgetRow
    """As it is when it has reached it: its period is the one that it is told of."""
    percent: int
    is_late: bool = False


class BudgetChanges(NamedTuple):
    """What is to be written."""

    changed: dict[int, BudgetRow]
    closed: list[Closed]
    late: list[Late]
    crossed: list[Crossed]


def apply(budgets: Iterable[BudgetRow], spends: Sequence[Spend], now: datetime) -> BudgetChanges:
    """Count spends, in any order. Those before a budget's first period are not counted."""
    latest = now + MOST_AHEAD
    changes = BudgetChanges({}, [], [], [])
    # A batch may be of thousands of workspaces: no budget looks at the others' spends.
    by_workspace: dict[int, list[Spend]] = {}
    for spend in spends:
        by_workspace.setdefault(spend.workspace_id, []).append(
            spend if spend.at <= latest else spend._replace(at=now)
        )
    for budget in budgets:
        own = [
            spend
            for spend in by_workspace.get(budget.workspace_id, ())
            if covers(budget, spend.project_id, spend.provider_id)
        ]
        if own:
            _apply_to(budget, own, changes)
    return changes


def rolled(budgets: Iterable[BudgetRow], until: datetime) -> BudgetChanges:
    """Close the periods that are over at a moment, and note what is reached in the running ones."""
    changes = BudgetChanges({}, [], [], [])
    for budget in budgets:
        _roll(budget, until, [], changes)
    return changes


def cut(budget: BudgetRow, at: datetime, kind: BudgetPeriod) -> BudgetChanges:
    """End the running period at a moment within it, and begin one of another length."""
    if at <= budget.period_start:
        # A relay's clock was ahead of ours, so that it has begun already: what it has seen stays.
        end = period_of(budget.period_start, kind, budget.zone).end
        return BudgetChanges({budget.id: replace(budget, period=kind, period_end=end)}, [], [], [])
    ended = replace(budget, period_end=at)
    begun = next_period(replace(ended, period=kind))
    return BudgetChanges({budget.id: begun}, [Closed(ended)], [], [])


def next_period(budget: BudgetRow) -> BudgetRow:
    """The budget in the period that follows, with nothing spent.

    The first one in another time zone begins where the last one ended, and is shorter for that.
    """
    timezone = budget.next_timezone or budget.timezone
    return replace(
        budget,
        timezone=timezone,
        next_timezone=None,
        spent_units=0,
        request_count=0,
        error_count=0,
        period_start=budget.period_end,
        period_end=period_of(budget.period_end, budget.period, ZoneInfo(timezone)).end,
        last_alert_threshold=None,
    )


def _apply_to(budget: BudgetRow, spends: Sequence[Spend], changes: BudgetChanges) -> None:
    coming = []
    for spend in spends:
        if spend.at >= budget.period_start:
            coming.append(spend)
        elif spend.at >= budget.first_period_start:
            changes.late.append(
                Late(budget.id, spend.units, spend.requests, spend.errors, spend.at)
            )
    if coming:
        _roll(budget, max(spend.at for spend in coming), coming, changes)


def _roll(
    budget: BudgetRow, until: datetime, spends: Sequence[Spend], changes: BudgetChanges
) -> None:
    before = budget
    while True:
        budget = _counted(
            budget,
            [spend for spend in spends if budget.period_start <= spend.at < budget.period_end],
        )
        budget = _crossed(budget, changes)
        if until < budget.period_end:
            break
        changes.closed.append(Closed(budget))
        budget = next_period(budget)
    if budget is not before:
        changes.changed[budget.id] = budget


def _counted(budget: BudgetRow, spends: Sequence[Spend]) -> BudgetRow:
    if not spends:
        return budget
    return replace(
        budget,
        spent_units=budget.spent_units + sum(spend.units for spend in spends),
        request_count=budget.request_count + sum(spend.requests for spend in spends),
        error_count=budget.error_count + sum(spend.errors for spend in spends),
    )


def _crossed(budget: BudgetRow, changes: BudgetChanges) -> BudgetRow:
    """Note what it has reached beyond what was told of this period."""
    if not budget.is_active:
        return budget
    told = budget.last_alert_threshold or 0
    new = [
        percent
        for percent in reached(
            budget.alert_thresholds,
            spent_units=budget.spent_units,
            amount_units=budget.amount_units,
        )
        if percent > told
    ]
    if not new:
        return budget
    budget = replace(budget, last_alert_threshold=new[-1])
    changes.crossed.extend(Crossed(budget, percent) for percent in new)
    return budget

"""What a batch of requests does to budgets, and to the leases of budgets. Pure: sums."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from services.billing.budgets.applying import Spend
from services.billing.budgets.budget import BudgetRow
from services.billing.budgets.matching import covers
from services.billing.charging.chargeable import Charge
from services.billing.charging.sums import LeaseOf
from services.billing.leases import subjects


class _Scope(NamedTuple):
    workspace_id: int
    project_id: int | None
    provider_id: int | None


class _Window(NamedTuple):
    """What lies within it is in the running period of every budget of a workspace."""

    start: datetime
    end: datetime


def spends_of(charges: Iterable[Charge], budgets: Iterable[BudgetRow]) -> list[Spend]:
    """The charges of workspaces that have budgets; nearly all of them summed up.

    Those within the running period of each of a workspace's budgets are one spend for each project
    and provider; a budget that looks at each charge by itself would take as long as all else.
    """
    windows = _windows(budgets)
    sums: dict[_Scope, Spend] = {}
    apart: list[Spend] = []
    for charge in charges:
        window = windows.get(charge.workspace_id)
        if window is None:
            continue
        scope = _Scope(charge.workspace_id, charge.project_id, charge.provider_id)
        at = charge.completed_at
        spend = Spend(*scope, charge.quota_units, 1, not charge.is_success, at)
        if window.start <= at < window.end:
            so_far = sums.get(scope)
            sums[scope] = spend if so_far is None else _sum(so_far, spend)
        else:
            apart.append(spend)
    return [*sums.values(), *apart]


def by_budget_lease(
    charges: Iterable[Charge], budgets: Mapping[int, BudgetRow]
) -> dict[LeaseOf, int]:
    """Quota by lease of a budget: nothing of what the budget does not cover.

    A relay holds of the budgets of all providers that may serve; one of them does.
    """
    units: dict[LeaseOf, int] = {}
    for charge in charges:
        if not charge.budget_leases or not charge.quota_units:
            continue
        for lease_id, budget_id in charge.budget_leases:
            budget = budgets.get(budget_id)
            if (
                budget is None
                or budget.workspace_id != charge.workspace_id
                or not covers(budget, charge.project_id, charge.provider_id)
            ):
                continue
            of = LeaseOf(lease_id, subjects.budget(budget_id), charge.workspace_id)
            units[of] = units.get(of, 0) + charge.quota_units
    return units


def _windows(budgets: Iterable[BudgetRow]) -> dict[int, _Window]:
    windows: dict[int, _Window] = {}
    for budget in budgets:
        if budget.is_deleted:
            continue
        window = windows.get(budget.workspace_id)
        windows[budget.workspace_id] = (
            _Window(budget.period_start, budget.period_end)
            if window is None
            else _Window(max(window.start, budget.period_start), min(window.end, budget.period_end))
        )
    return windows


def _sum(one: Spend, other: Spend) -> Spend:
    return other._replace(
        units=one.units + other.units,
        requests=one.requests + other.requests,
        errors=one.errors + other.errors,
    )

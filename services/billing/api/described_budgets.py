"""What the documentation says of the calls about budgets."""

from typing import Final

from pydantic import BaseModel

from services.billing.api.budgets import BudgetChanges, BudgetQuery, HistoryQuery, NewBudget
from shared.events.budgets import BudgetPeriod
from shared.http.described import Described, Who


class Budget(BaseModel):
    """A budget in its running period. Cents are a hundredth of a dollar, units 1/500,000."""

    id: int
    workspace_id: int
    provider_id: int | None
    """Null: whoever serves."""
    project_id: int | None
    """Null: of all projects, and of what has none."""
    name: str
    description: str
    amount_cents: int
    amount_units: int
    period: BudgetPeriod
    timezone: str
    current_spent_cents: float
    current_spent_units: int
    """Exact, where the cents are rounded."""
    request_count: int
    error_count: int
    """Those of `request_count` that did not succeed."""
    period_start_date: str
    period_end_date: str
    """The last day of the period."""
    period_start: int
    period_end: int
    """The first moment of the next period."""
    is_hard_limit: bool
    alert_thresholds: list[int]
    """Percents of the amount."""
    last_alert_threshold: int | None
    """The highest one reached in the running period."""
    is_active: bool
    held_units: int
    """What relays hold of it for requests."""
    created_at: int
    updated_at: int


class BudgetPast(BaseModel):
    """What a period came to."""

    id: int
    budget_id: int
    period: BudgetPeriod
    timezone: str
    period_start_date: str
    period_end_date: str
    """The last day of the period."""
    period_start: int
    period_end: int
    """The first moment of the next period."""
    budget_amount_cents: int
    actual_spent_cents: float
    actual_spent_units: int
    request_count: int
    error_count: int
    created_at: int
    amended_at: int | None
    """When something of the period came after its end."""


class BudgetHistory(BaseModel):
    """A page of what periods came to, the newest first."""

    items: list[BudgetPast]
    next_before: int | None


BUDGETS: Final = (
    Described(
        method="GET",
        path="/api/billing/budgets",
        summary="The budgets of one's workspace",
        who=Who.USER,
        query=BudgetQuery,
        data=list[Budget],
    ),
    Described(
        method="POST",
        path="/api/billing/budgets",
        summary="A budget of one's workspace, or of one project or provider in it",
        who=Who.USER,
        body=NewBudget,
        data=Budget,
    ),
    Described(
        method="GET",
        path="/api/billing/budgets/{id}",
        summary="A budget in its running period",
        who=Who.USER,
        data=Budget,
    ),
    Described(
        method="PUT",
        path="/api/billing/budgets/{id}",
        summary="Change a budget; another length begins a new period",
        who=Who.USER,
        body=BudgetChanges,
        data=Budget,
    ),
    Described(
        method="DELETE",
        path="/api/billing/budgets/{id}",
        summary="Take a budget away",
        who=Who.USER,
    ),
    Described(
        method="GET",
        path="/api/billing/budgets/{id}/history",
        summary="What a budget's periods came to, the newest first",
        who=Who.USER,
        query=HistoryQuery,
        data=BudgetHistory,
    ),
)

"""`billing.budgets`, and what `billing.ledger` says of budgets."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.events.event import Event
from shared.events.numbers import Balance, Count, Id, QuotaUnits, Time
from shared.events.text import Name


class BudgetPeriod(StrEnum):
    """How long a budget lasts before it begins anew, in its own time zone."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    """From Monday on."""
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


class BudgetChanged(Event):
    """What relays need of a budget. Key `budget:<id>`."""

    TYPE = "ledgerline.budget.changed.v1"

    budget_id: Id
    workspace_id: Id
    name: Name
    project_id: Id | None = None
    """Null: of all projects, and of what has none."""
    provider_id: Id | None = None
    """Null: of all providers."""
    period: BudgetPeriod
    amount_units: QuotaUnits
    """500,000 is $1."""
    is_hard_limit: bool
    """What it does not cover is refused; otherwise it only tells."""
    is_active: bool
    is_deleted: bool = False


class BudgetThresholdCrossed(Event):
    """A budget has reached a share of its amount: once for each share and period."""

    TYPE = "ledgerline.budget.threshold_crossed.v1"

    budget_id: Id
    workspace_id: Id
    name: Name
    project_id: Id | None = None
    provider_id: Id | None = None
    period: BudgetPeriod
    period_start: Time
    period_end: Time
    """The first moment of the next period."""
    threshold_percent: Annotated[int, Field(ge=1, le=1000)]
    spent_units: Balance
    amount_units: QuotaUnits
    is_hard_limit: bool
    is_late: bool = False
    """By a charge that came after its period had been closed."""
    crossed_at: Time


class BudgetPeriodClosed(Event):
    """What a budget's period came to: when it ends, and again where a late charge changed that."""

    TYPE = "ledgerline.budget.period_closed.v1"

    budget_id: Id
    workspace_id: Id
    period: BudgetPeriod
    period_start: Time
    period_end: Time
    """The first moment of the next period."""
    spent_units: Balance
    amount_units: QuotaUnits
    request_count: Count
    error_count: Count
    """Those of `request_count` that did not succeed."""
    is_amended: bool = False
    """It replaces what was said of this period before."""

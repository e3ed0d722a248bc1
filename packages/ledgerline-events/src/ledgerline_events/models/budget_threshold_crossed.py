"""`ledgerline.budget.threshold_crossed.v1`, as its JSON Schema has it.

Made by `python -P -m operations.events_package`; do not edit.
"""

from pydantic import AwareDatetime
from ledgerline_events.model import Model


class BudgetThresholdCrossed(Model):
    """A budget has reached a share of its amount: once for each share and period."""

    budget_id: int
    workspace_id: int
    name: str
    project_id: int | None = None
    provider_id: int | None = None
    period: str
    """How long a budget lasts before it begins anew, in its own time zone. So far: `DAILY`, `WEEKLY`, `MONTHLY`, `YEARLY`."""
    period_start: AwareDatetime
    period_end: AwareDatetime
    """The first moment of the next period."""
    threshold_percent: int
    spent_units: int
    amount_units: int
    is_hard_limit: bool
    is_late: bool = False
    """By a charge that came after its period had been closed."""
    crossed_at: AwareDatetime

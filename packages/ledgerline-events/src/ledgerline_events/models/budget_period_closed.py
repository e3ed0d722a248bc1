"""`ledgerline.budget.period_closed.v1`, as its JSON Schema has it.

Made by `python -P -m operations.events_package`; do not edit.
"""

from pydantic import AwareDatetime
from ledgerline_events.model import Model


class BudgetPeriodClosed(Model):
    """What a budget's period came to: when it ends, and again where a late charge changed that."""

    budget_id: int
    workspace_id: int
    period: str
    """How long a budget lasts before it begins anew, in its own time zone. So far: `DAILY`, `WEEKLY`, `MONTHLY`, `YEARLY`."""
    period_start: AwareDatetime
    period_end: AwareDatetime
    """The first moment of the next period."""
    spent_units: int
    amount_units: int
    request_count: int
    error_count: int
    """Those of `request_count` that did not succeed."""
    is_amended: bool = False
    """It replaces what was said of this period before."""

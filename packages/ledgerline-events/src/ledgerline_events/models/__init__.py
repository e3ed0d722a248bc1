"""The public events' models.

Made by `python -P -m operations.events_package`; do not edit.
"""

from typing import Final

from ledgerline_events.model import Model
from ledgerline_events.models.budget_period_closed import BudgetPeriodClosed
from ledgerline_events.models.budget_threshold_crossed import BudgetThresholdCrossed
from ledgerline_events.models.ledger_entry_posted import LedgerEntryPosted
from ledgerline_events.models.request_completed import RequestCompleted

BY_TYPE: Final[dict[str, type[Model]]] = {
    "ledgerline.request.completed.v1": RequestCompleted,
    "ledgerline.ledger.entry_posted.v1": LedgerEntryPosted,
    "ledgerline.budget.threshold_crossed.v1": BudgetThresholdCrossed,
    "ledgerline.budget.period_closed.v1": BudgetPeriodClosed,
}
"""By `ce_type`."""

__all__ = [
    "BY_TYPE",
    "BudgetPeriodClosed",
    "BudgetThresholdCrossed",
    "LedgerEntryPosted",
    "RequestCompleted",
]

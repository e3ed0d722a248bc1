"""What `billing.ledger` is told of budgets."""

from datetime import datetime
from typing import Final

from services.billing.budgets.applying import Crossed
from services.billing.budgets.budget import BudgetRow
from services.billing.ledger.events import SOURCE
from shared.events.budgets import BudgetPeriodClosed, BudgetThresholdCrossed
from shared.events.event import Attributes, Event, encode_headers, encode_value, new_event_id
from shared.kafka.outbox_rows import OutboxRecord

_KIND: Final = ("ce_kind", b"budget")


def closed_record(budget: BudgetRow, *, now: datetime, is_amended: bool = False) -> OutboxRecord:
    """A period that is over, with what it came to."""
    event = BudgetPeriodClosed(
        budget_id=budget.id,
        workspace_id=budget.workspace_id,
        period=budget.period,
        period_start=budget.period_start,
        period_end=budget.period_end,
        spent_units=budget.spent_units,
        amount_units=budget.amount_units,
        request_count=budget.request_count,
        error_count=budget.error_count,
        is_amended=is_amended,
    )
    return _record(budget.workspace_id, event, now)


def crossed_record(crossed: Crossed, *, now: datetime) -> OutboxRecord:
    """A share of the amount that was reached."""
    budget = crossed.budget
    event = BudgetThresholdCrossed(
        budget_id=budget.id,
        workspace_id=budget.workspace_id,
        name=budget.name,
        project_id=budget.project_id,
        provider_id=budget.provider_id,
        period=budget.period,
        period_start=budget.period_start,
        period_end=budget.period_end,
        threshold_percent=crossed.percent,
        spent_units=budget.spent_units,
        amount_units=budget.amount_units,
        is_hard_limit=budget.is_hard_limit,
        is_late=crossed.is_late,
        crossed_at=now,
    )
    return _record(budget.workspace_id, event, now)


def _record(workspace_id: int, event: Event, now: datetime) -> OutboxRecord:
    headers = encode_headers(event.TYPE, Attributes(id=new_event_id(), source=SOURCE, time=now))
    return OutboxRecord(str(workspace_id).encode(), encode_value(event), (*headers, _KIND))

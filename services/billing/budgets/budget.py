"""A budget as a row of `budgets` has it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.billing.leases.granting import SubjectFigures
from shared.events.budgets import BudgetPeriod
from shared.events.numbers import MAX_QUOTA_UNITS
from shared.money.quota import UNITS_PER_CENT

MAX_AMOUNT_CENTS: Final = MAX_QUOTA_UNITS // UNITS_PER_CENT


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """A budget under lock, in its running period."""

    id: int
    workspace_id: int
    provider_id: int | None = None
    project_id: int | None = None
    name: str
    amount_cents: int
    period: BudgetPeriod
    timezone: str
    """Of the running period."""
    next_timezone: str | None = None
    """Of the periods after it; None: the same."""
    spent_units: int = 0
    request_count: int = 0
    error_count: int = 0
    period_start: datetime
    period_end: datetime
    first_period_start: datetime
    """What was charged before it counts to no period."""
    is_hard_limit: bool = False
    alert_thresholds: tuple[int, ...] = ()
    """Percents of the amount, rising."""
    last_alert_threshold: int | None = None
    is_active: bool = True
    is_deleted: bool = False
    held_units: int = 0
    uncharged_units: int = 0
    short_until: datetime | None = None

    @property
    def amount_units(self) -> int:
        """What may be spent in a period."""
        return self.amount_cents * UNITS_PER_CENT

    @property
    def zone(self) -> ZoneInfo:
        """Where the running period's days begin."""
        return ZoneInfo(self.timezone)

    @property
    def does_refuse(self) -> bool:
        """Whether what it does not cover is refused."""
        return self.is_hard_limit and self.is_active and not self.is_deleted

    @property
    def figures(self) -> SubjectFigures:
        """What decides over its leases. One that refuses nothing can hold what any request can."""
        return SubjectFigures(
            balance_units=(
                self.amount_units - self.spent_units if self.does_refuse else MAX_QUOTA_UNITS
            ),
            held_units=self.held_units,
            uncharged_units=self.uncharged_units,
            short_until=self.short_until,
        )

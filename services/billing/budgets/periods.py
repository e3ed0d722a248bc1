"""Where the periods of a budget begin and end, in its own time zone. Pure."""

from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from shared.events.budgets import BudgetPeriod

_A_DAY: Final = timedelta(days=1)
_A_SECOND: Final = timedelta(seconds=1)
_DECEMBER: Final = 12


class Period(NamedTuple):
    """From `start` on, until before `end`; both in UTC."""

    start: datetime
    end: datetime


def period_of(at: datetime, kind: BudgetPeriod, zone: ZoneInfo) -> Period:
    """The period that a moment lies in. One begins where the one before it ends, always.

    A day begins at its midnight: at the first where clocks are set back over it, and at the moment
    that clocks are set forward where that skips it. Weeks begin on Monday.
    """
    first = _first_day(at.astimezone(zone).date(), kind)
    start = _midnight(first, zone)
    end = _midnight(next_first := _next_first_day(first, kind), zone)
    # Clocks that are set back over midnight show the day before for a while once more; and a day
    # that a zone leaves out has no length.
    while at >= end:
        start, next_first = end, _next_first_day(next_first, kind)
        end = _midnight(next_first, zone)
    return Period(start, end)


def first_and_last_day(period: Period, zone: ZoneInfo) -> tuple[date, date]:
    """The days that a period is said to go from and to, the last one included."""
    last = period.end.astimezone(zone).date()
    if _midnight(last, zone) >= period.end:
        last -= _A_DAY
    first = period.start.astimezone(zone).date()
    return first, max(first, last)


def _first_day(day: date, kind: BudgetPeriod) -> date:
    match kind:
        case BudgetPeriod.DAILY:
            return day
        case BudgetPeriod.WEEKLY:
            return day - timedelta(days=day.weekday())
        case BudgetPeriod.MONTHLY:
            return day.replace(day=1)
        case BudgetPeriod.YEARLY:
            return day.replace(month=1, day=1)


def _next_first_day(first: date, kind: BudgetPeriod) -> date:
    match kind:
        case BudgetPeriod.DAILY:
            return first + _A_DAY
        case BudgetPeriod.WEEKLY:
            return first + timedelta(days=7)
        case BudgetPeriod.MONTHLY if first.month < _DECEMBER:
            return first.replace(month=first.month + 1)
        case BudgetPeriod.MONTHLY | BudgetPeriod.YEARLY:
            return first.replace(year=first.year + 1, month=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment at which clocks show this day, or a later one."""
    earlier, later = (
        datetime(day.year, day.month, day.day, tzinfo=zone, fold=fold).astimezone(UTC)
        for fold in (1, 0)
    )
    if earlier >= later:
        return later
    # Clocks skip this midnight somewhere in between.
    while later - earlier > _A_SECOND:
        between = earlier + (later - earlier) // 2
        if between.astimezone(zone).date() < day:
            earlier = between
        else:
            later = between
    return later.replace(microsecond=0)

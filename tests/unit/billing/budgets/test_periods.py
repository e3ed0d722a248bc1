"""Periods tile time, whatever a zone's clocks did."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.billing.budgets.periods import Period, first_and_last_day, period_of
from shared.events.budgets import BudgetPeriod

ZONES = (
    "UTC",
    "America/Sao_Paulo",  # clocks skipped midnight
    "America/St_Johns",  # and were set back over it
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # by half an hour
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Apia",  # left a day out
    "Pacific/Kiritimati",
    "Asia/Tokyo",
    "America/Toronto",
)
ANY_ZONE = st.sampled_from(ZONES)
ANY_KIND = st.sampled_from(BudgetPeriod)
ANY_TIME = st.datetimes(datetime(1994, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
LONGEST = {
    BudgetPeriod.DAILY: timedelta(hours=26),
    BudgetPeriod.WEEKLY: timedelta(days=7, hours=2),
    BudgetPeriod.MONTHLY: timedelta(days=31, hours=2),
    BudgetPeriod.YEARLY: timedelta(days=366, hours=26),
}


@given(at=ANY_TIME, kind=ANY_KIND, zone=ANY_ZONE)
def test_every_moment_lies_in_one_period_and_each_period_is_found_from_anywhere_in_it(
    at: datetime, kind: BudgetPeriod, zone: str
) -> None:
    period = period_of(at, kind, ZoneInfo(zone))
    assert period.start <= at < period.end
    assert period.end - period.start <= LONGEST[kind]
    for inside in (period.start, period.end - timedelta(microseconds=1)):
        assert period_of(inside, kind, ZoneInfo(zone)) == period


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("kind", BudgetPeriod)
@settings(max_examples=5)
@given(data=st.data())
def test_periods_follow_each_other_without_gap_or_overlap_for_decades(
    zone: str, kind: BudgetPeriod, data: st.DataObject
) -> None:
    clock = ZoneInfo(zone)
    period = period_of(data.draw(ANY_TIME), kind, clock)
    for _ in range(400):
        following = period_of(period.end, kind, clock)
        assert following.start == period.end
        assert period_of(following.start - timedelta(seconds=1), kind, clock) == period
        period = following


@given(at=ANY_TIME, kind=ANY_KIND, zone=ANY_ZONE)
def test_a_period_begins_at_the_first_moment_that_shows_its_first_day(
    at: datetime, kind: BudgetPeriod, zone: str
) -> None:
    clock = ZoneInfo(zone)
    start = period_of(at, kind, clock).start
    first = start.astimezone(clock).date()
    assert (start - timedelta(seconds=1)).astimezone(clock).date() < first
    match kind:
        case BudgetPeriod.WEEKLY:
            assert first.weekday() == 0 or zone == "Pacific/Apia"
        case BudgetPeriod.MONTHLY:
            assert first.day == 1
        case BudgetPeriod.YEARLY:
            assert (first.month, first.day) in {(1, 1), (1, 2)}


@pytest.mark.parametrize(
    ("zone", "at", "start", "end"),
    [
        # Clocks went from 24:00 to 01:00.
        ("America/Sao_Paulo", "2018-11-04T12:00Z", "2018-11-04T03:00Z", "2018-11-05T02:00Z"),
        # At 00:01 back to 23:01: the day had begun, and its first minute comes twice.
        ("America/St_Johns", "2010-11-07T02:31Z", "2010-11-07T02:30Z", "2010-11-08T03:30Z"),
        ("America/St_Johns", "2010-11-07T03:00Z", "2010-11-07T02:30Z", "2010-11-08T03:30Z"),
        # December 30 was left out.
        ("Pacific/Apia", "2011-12-30T09:59Z", "2011-12-29T10:00Z", "2011-12-30T10:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00Z", "2011-12-30T10:00Z", "2011-12-31T10:00Z"),
        ("Asia/Kathmandu", "2026-05-04T18:15Z", "2026-05-04T18:15Z", "2026-05-05T18:15Z"),
        ("Australia/Lord_Howe", "2026-04-05T00:00Z", "2026-04-04T13:00Z", "2026-04-05T13:30Z"),
    ],
)
def test_days_where_clocks_were_changed(zone: str, at: str, start: str, end: str) -> None:
    wanted = Period(datetime.fromisoformat(start), datetime.fromisoformat(end))
    assert period_of(datetime.fromisoformat(at), BudgetPeriod.DAILY, ZoneInfo(zone)) == wanted


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        (BudgetPeriod.DAILY, date(2026, 2, 28), date(2026, 2, 28)),
        (BudgetPeriod.WEEKLY, date(2026, 2, 23), date(2026, 3, 1)),
        (BudgetPeriod.MONTHLY, date(2026, 2, 1), date(2026, 2, 28)),
        (BudgetPeriod.YEARLY, date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_period_is_shown_by_its_first_and_last_day(
    kind: BudgetPeriod, first: date, last: date
) -> None:
    zone = ZoneInfo("Asia/Tokyo")
    at = datetime(2026, 2, 28, 1, tzinfo=UTC)
    assert first_and_last_day(period_of(at, kind, zone), zone) == (first, last)


@given(at=ANY_TIME, kind=ANY_KIND, zone=ANY_ZONE)
def test_the_days_shown_are_those_of_the_first_and_the_last_moment(
    at: datetime, kind: BudgetPeriod, zone: str
) -> None:
    clock = ZoneInfo(zone)
    period = period_of(at, kind, clock)
    first, last = first_and_last_day(period, clock)
    assert first == period.start.astimezone(clock).date()
    assert first <= last
    assert last <= (period.end - timedelta(seconds=1)).astimezone(clock).date()

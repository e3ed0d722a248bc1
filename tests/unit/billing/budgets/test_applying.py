"""Budgets against a model that keeps every spend, and counts them anew each time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.billing.budgets.applying import (
    MOST_AHEAD,
    BudgetChanges,
    Spend,
    apply,
    cut,
    rolled,
)
from services.billing.budgets.budget import BudgetRow
from services.billing.budgets.matching import covers
from services.billing.budgets.periods import period_of
from services.billing.budgets.thresholds import reached
from shared.events.budgets import BudgetPeriod
from shared.money.quota import UNITS_PER_CENT

BEGAN = datetime(2026, 3, 27, 13, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe")
MAYBE_ID = st.sampled_from((None, 1, 2))
THRESHOLDS = (50, 80, 100, 150)


def budget(
    *,
    kind: BudgetPeriod = BudgetPeriod.DAILY,
    zone: str = "UTC",
    workspace: int = 1,
    project: int | None = None,
    provider: int | None = None,
    cents: int = 1,
    at: datetime = BEGAN,
) -> BudgetRow:
    period = period_of(at, kind, ZoneInfo(zone))
    return BudgetRow(
        id=1,
        workspace_id=workspace,
        project_id=project,
        provider_id=provider,
        name="research",
        amount_cents=cents,
        period=kind,
        timezone=zone,
        period_start=period.start,
        period_end=period.end,
        first_period_start=period.start,
        alert_thresholds=THRESHOLDS,
    )


def spend(units: int, at: datetime, *, errors: int = 0) -> Spend:
    return Spend(1, None, None, units, 1, errors, at)


class Kept:
    """What the tables would have: the budget, its history, and what was told of it."""

    def __init__(self, budget: BudgetRow) -> None:
        self.budget = budget
        self.history: dict[tuple[datetime, datetime], BudgetRow] = {}
        self.told: list[tuple[datetime, int]] = []

    def write(self, changes: BudgetChanges) -> None:
        for closed in changes.closed:
            period = (closed.budget.period_start, closed.budget.period_end)
            assert period not in self.history, "a period is closed once"
            self.history[period] = closed.budget
        for late in changes.late:
            ((period, past),) = [
                item for item in self.history.items() if item[0][0] <= late.at < item[0][1]
            ]
            self.history[period] = replace(
                past,
                spent_units=past.spent_units + late.units,
                request_count=past.request_count + late.requests,
                error_count=past.error_count + late.errors,
            )
        self.told += [(one.budget.period_start, one.percent) for one in changes.crossed]
        self.budget = changes.changed.get(self.budget.id, self.budget)

    def assert_is(self, spends: list[Spend]) -> None:
        own = [
            one
            for one in spends
            if one.workspace_id == self.budget.workspace_id
            and covers(self.budget, one.project_id, one.provider_id)
        ]
        rows = [*self.history.values(), self.budget]
        ends = [self.budget.first_period_start, *(row.period_end for row in rows)]
        for row, start in zip(rows, ends[:-1], strict=True):
            assert row.period_start == start, "periods follow each other"
            inside = [one for one in own if row.period_start <= one.at < row.period_end]
            assert row.spent_units == sum(one.units for one in inside)
            assert row.request_count == sum(one.requests for one in inside)
            assert row.error_count == sum(one.errors for one in inside)
        assert len(set(self.told)) == len(self.told), "a threshold is told once in a period"
        now_reached = reached(
            self.budget.alert_thresholds,
            spent_units=self.budget.spent_units,
            amount_units=self.budget.amount_units,
        )
        told = [p for start, p in self.told if start == self.budget.period_start]
        assert set(now_reached) <= set(told)
        assert self.budget.last_alert_threshold == max(told, default=None)


MINUTES = st.integers(-3 * 1440, 3 * 1440)
SPENDS = st.builds(
    lambda workspace, project, provider, units, minutes, errors: (
        Spend(workspace, project, provider, units, 1, errors, BEGAN),
        minutes,
    ),
    st.sampled_from((1, 1, 1, 2)),
    MAYBE_ID,
    MAYBE_ID,
    st.integers(-3000, 9000),
    MINUTES,
    st.integers(0, 1),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from((BudgetPeriod.DAILY, BudgetPeriod.WEEKLY, BudgetPeriod.MONTHLY)),
    zone=st.sampled_from(ZONES),
    project=MAYBE_ID,
    provider=MAYBE_ID,
    steps=st.lists(
        st.tuples(
            st.integers(0, 3 * 24), st.lists(SPENDS, max_size=6), st.sampled_from((None, *ZONES))
        ),
        max_size=12,
    ),
)
def test_sums_by_period_are_those_of_a_model_that_counts_every_spend_again(
    kind: BudgetPeriod,
    zone: str,
    project: int | None,
    provider: int | None,
    steps: list[tuple[int, list[tuple[Spend, int]], str | None]],
) -> None:
    """Late, early, refunded, after hours of downtime, in zones that change."""
    kept = Kept(budget(kind=kind, zone=zone, project=project, provider=provider))
    now = BEGAN
    spends: list[Spend] = []
    for hours, drawn, next_zone in steps:
        now += timedelta(hours=hours)
        batch = [one._replace(at=now + timedelta(minutes=minutes)) for one, minutes in drawn]
        kept.write(apply([kept.budget], batch, now))
        # What says that it is of far ahead is of now.
        spends += [one if one.at <= now + MOST_AHEAD else one._replace(at=now) for one in batch]
        kept.assert_is(spends)
        if hours % 2:
            kept.write(rolled([kept.budget], now))
            assert now < kept.budget.period_end
            kept.assert_is(spends)
        if next_zone is not None:
            kept.budget = replace(kept.budget, next_timezone=next_zone)


def test_downtime_leaves_a_period_for_each_day_that_passed() -> None:
    changes = rolled([budget()], BEGAN + timedelta(days=3))
    assert [(one.budget.period_start.day, one.budget.spent_units) for one in changes.closed] == [
        (27, 0),
        (28, 0),
        (29, 0),
    ]
    assert changes.changed[1].period_start == datetime(2026, 3, 30, tzinfo=UTC)


def test_a_batch_over_the_end_of_a_period_is_parted_and_amends_nothing() -> None:
    tomorrow = BEGAN + timedelta(days=1)
    changes = apply([budget()], [spend(3, tomorrow), spend(5, BEGAN)], tomorrow)
    assert [one.budget.spent_units for one in changes.closed] == [5]
    assert changes.changed[1].spent_units == 3
    assert changes.late == []


def test_what_was_before_the_first_period_counts_to_none() -> None:
    changes = apply([budget()], [spend(5, BEGAN - timedelta(days=1))], BEGAN)
    assert changes == BudgetChanges({}, [], [], [])


def test_thresholds_are_reached_at_the_unit_and_told_once_though_a_refund_comes_between() -> None:
    half = UNITS_PER_CENT // 2
    kept = Kept(budget())
    for units in (half - 1, 1, -10, 10, half):
        kept.write(apply([kept.budget], [spend(units, BEGAN)], BEGAN))
    assert [percent for _, percent in kept.told] == [50, 80, 100]


def test_a_budget_that_is_switched_off_counts_and_tells_when_it_is_switched_on() -> None:
    off = replace(budget(), is_active=False)
    changes = apply([off], [spend(UNITS_PER_CENT, BEGAN)], BEGAN)
    assert changes.crossed == []
    on = replace(changes.changed[1], is_active=True)
    assert [one.percent for one in rolled([on], BEGAN).crossed] == [50, 80, 100]


def test_a_new_time_zone_holds_from_the_next_period_on_and_leaves_no_gap() -> None:
    moving = replace(budget(), next_timezone="Asia/Tokyo")
    changes = rolled([moving], moving.period_end)
    after = changes.changed[1]
    assert (after.timezone, after.next_timezone) == ("Asia/Tokyo", None)
    assert after.period_start == moving.period_end == datetime(2026, 3, 28, tzinfo=UTC)
    assert after.period_end == datetime(2026, 3, 28, 15, tzinfo=UTC)


def test_nothing_spent_reaches_nothing_even_of_nothing() -> None:
    assert reached(THRESHOLDS, spent_units=0, amount_units=0) == []
    assert reached(THRESHOLDS, spent_units=1, amount_units=0) == list(THRESHOLDS)


class CountedId(int):
    """A workspace's id that knows how often it was compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedId.compared += 1
        return int(self) == other

    __hash__ = int.__hash__


def test_a_budget_looks_at_no_other_workspace_s_spends() -> None:
    """A batch is of thousands of workspaces: as many looks as budgets times spends would not do."""
    budgets = [replace(budget(), id=n, workspace_id=n) for n in range(100)]
    spends = [spend(n, BEGAN)._replace(workspace_id=CountedId(n)) for n in range(100)]
    changed = apply(budgets, spends, BEGAN).changed
    assert [changed[n].spent_units for n in range(100)] == list(range(100))
    assert CountedId.compared <= 300


def test_another_length_of_a_period_that_a_relay_began_ahead_of_us_keeps_what_it_has_seen() -> None:
    ahead = apply([budget()], [spend(5, BEGAN + timedelta(days=1))], BEGAN + timedelta(days=1))
    begun = ahead.changed[1]
    changes = cut(begun, begun.period_start - timedelta(seconds=9), BudgetPeriod.MONTHLY)
    after = changes.changed[1]
    assert (after.spent_units, after.period_start) == (5, begun.period_start)
    assert (after.period, after.period_end) == (
        BudgetPeriod.MONTHLY,
        datetime(2026, 4, 1, tzinfo=UTC),
    )
    assert changes.closed == []

"""Which buckets a time is answered from."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logging.usage.spans import (
    DAY_S,
    HOUR_S,
    Grain,
    Interval,
    SpanError,
    points,
    stretches,
)

_MIDNIGHT = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())


def test_a_point_that_has_some_of_the_time_is_told_whole() -> None:
    over = points(_MIDNIGHT + 10, _MIDNIGHT + HOUR_S + 10, Interval.HOUR, "UTC")
    assert over.starts == (_MIDNIGHT, _MIDNIGHT + HOUR_S)
    assert over.stretch == (Grain.HOURLY, _MIDNIGHT, _MIDNIGHT + 2 * HOUR_S)


def test_days_in_utc_are_the_daily_rollups_own() -> None:
    over = points(_MIDNIGHT, _MIDNIGHT + 3 * DAY_S, Interval.DAY, "UTC")
    assert over.stretch.grain is Grain.DAILY
    assert over.starts == tuple(_MIDNIGHT + day * DAY_S for day in range(3))


def test_days_of_a_zone_are_put_together_from_hours_over_a_change_of_the_clocks() -> None:
    # Berlin leaves winter time on 2026-03-29: that day has 23 hours.
    lower = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp())
    over = points(lower, lower + 2 * DAY_S, Interval.DAY, "Europe/Berlin")
    assert over.stretch.grain is Grain.HOURLY
    lengths = [b - a for a, b in zip(over.bounds, over.bounds[1:], strict=False)]
    assert lengths == [24 * HOUR_S, 23 * HOUR_S, 24 * HOUR_S]
    assert over.bounds[0] <= lower
    assert over.bounds[-1] >= lower + 2 * DAY_S


def test_a_zone_with_half_hours_is_refused_by_name_of_what_works() -> None:
    with pytest.raises(SpanError, match="interval=hour"):
        points(_MIDNIGHT, _MIDNIGHT + DAY_S, Interval.DAY, "Asia/Kolkata")
    assert points(_MIDNIGHT, _MIDNIGHT + DAY_S, Interval.HOUR, "Asia/Kolkata").starts


@pytest.mark.parametrize(
    ("length", "interval", "zone"),
    [
        (93 * DAY_S, Interval.HOUR, "UTC"),
        (93 * DAY_S, Interval.DAY, "Europe/Berlin"),
        (3_661 * DAY_S, Interval.DAY, "UTC"),
        (0, Interval.DAY, "UTC"),
        (-5, Interval.HOUR, "UTC"),
    ],
)
def test_a_time_that_is_too_long_or_none_is_refused(
    length: int, interval: Interval, zone: str
) -> None:
    with pytest.raises(SpanError):
        points(_MIDNIGHT, _MIDNIGHT + length, interval, zone)


@given(
    lower=st.integers(0, 4_000_000_000),
    length=st.integers(1, 90 * DAY_S),
)
def test_the_stretches_of_a_time_are_its_hours_once_each(lower: int, length: int) -> None:
    found = stretches(lower, lower + length)
    hours = [hour for each in found for hour in range(each.lower, each.upper, HOUR_S)]
    first = lower // HOUR_S * HOUR_S
    assert hours == list(range(first, lower + length, HOUR_S))
    for each in found:
        assert each.lower % each.grain.seconds == each.upper % each.grain.seconds == 0
    assert sum(each.grain is Grain.HOURLY for each in found) <= 2


def test_years_are_told_from_days_and_their_edges_from_hours() -> None:
    found = stretches(_MIDNIGHT - HOUR_S, _MIDNIGHT + 400 * DAY_S + 5)
    assert [each.grain for each in found] == [Grain.HOURLY, Grain.DAILY, Grain.HOURLY]

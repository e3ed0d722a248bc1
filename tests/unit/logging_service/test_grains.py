"""Whatever is asked for, each second of it is counted once, and in no bucket that is not whole."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logging.buckets import Grain
from services.logging.listing.filters import Filters
from services.logging.listing.grains import Part, divide
from services.logging.listing.moments import Moment
from services.logging.listing.stretches import FAR, Stretch, joined, whole_buckets, without

DAY, HOUR, MINUTE = 86_400, 3_600, 60
FINEST = (Grain.DAY, Grain.HOUR, Grain.MINUTE, Grain.SECOND)
ALL_KEPT = Moment(refuse_before=0, minutes_from=0, seconds_from=0)

seconds = st.one_of(
    st.integers(0, 4 * DAY),
    st.builds(
        lambda bucket, size, off: max(0, bucket * size + off),
        st.integers(0, 50),
        st.sampled_from((DAY, HOUR, MINUTE)),
        st.integers(-1, 1),
    ),
)
stretches = st.tuples(seconds, seconds).map(lambda ends: Stretch(min(ends), max(ends)))
moments = st.builds(
    Moment,
    refuse_before=st.just(0),
    minutes_from=seconds,
    seconds_from=seconds,
    dirty_hours=st.sets(st.integers(0, 100), max_size=6).map(
        lambda hours: tuple(hour * HOUR for hour in sorted(hours))
    ),
)
grains = st.sampled_from((FINEST, FINEST[:3], FINEST[:2], FINEST[2:], ()))


@given(stretches, grains, moments)
def test_parts_cover_a_stretch_once_in_buckets_that_are_whole_and_right(
    stretch: Stretch, usable: tuple[Grain, ...], moment: Moment
) -> None:
    parts = divide(stretch, usable, moment)

    assert [(part.lower, part.upper) for part in joined_parts(parts)] == (
        [tuple(stretch)] if stretch.lower < stretch.upper else []
    )
    kept_from = {Grain.MINUTE: moment.minutes_from, Grain.SECOND: moment.seconds_from}
    for grain, lower, upper in parts:
        assert grain is None or grain in usable
        if grain is not None:
            assert lower % grain == upper % grain == 0
            assert lower >= kept_from.get(grain, 0)
            size = max(grain, HOUR)
            assert not any(
                lower < hour - hour % size + size and hour - hour % size < upper
                for hour in moment.dirty_hours
            )


def joined_parts(parts: list[Part]) -> list[Stretch]:
    """Fails where two overlap."""
    for one, next_one in pairwise(parts):
        assert one.upper <= next_one.lower
    return joined(Stretch(part.lower, part.upper) for part in parts)


@given(stretches)
def test_where_all_counts_are_kept_no_row_is_looked_at(stretch: Stretch) -> None:
    assert all(part.grain is not None for part in divide(stretch, FINEST, ALL_KEPT))


def test_a_long_range_is_days_hours_minutes_and_seconds() -> None:
    parts = divide(Stretch(DAY - 3 * HOUR - 90, 3 * DAY + 61), FINEST, ALL_KEPT)

    assert parts == [
        (Grain.SECOND, DAY - 3 * HOUR - 90, DAY - 3 * HOUR - 60),
        (Grain.MINUTE, DAY - 3 * HOUR - 60, DAY - 3 * HOUR),
        (Grain.HOUR, DAY - 3 * HOUR, DAY),
        (Grain.DAY, DAY, 3 * DAY),
        (Grain.MINUTE, 3 * DAY, 3 * DAY + 60),
        (Grain.SECOND, 3 * DAY + 60, 3 * DAY + 61),
    ]


def test_an_open_end_has_no_edge() -> None:
    assert divide(ALL_KEPT.stretch_of(Filters()), FINEST, ALL_KEPT) == [(Grain.DAY, 0, FAR)]


@pytest.mark.parametrize("asked", [None, 5, 10_000])
def test_nothing_before_the_horizon_is_looked_at(asked: int | None) -> None:
    moment = ALL_KEPT._replace(refuse_before=7_000)

    lower, _ = moment.stretch_of(Filters(start_timestamp=asked))

    assert lower == max(asked or 0, 7_000)


@pytest.mark.parametrize(
    ("start", "end"), [(9, 3), (2**62, None), (None, -5), (2**62, 2**62), (FAR, FAR)]
)
def test_an_empty_range_is_an_empty_stretch(start: int | None, end: int | None) -> None:
    stretch = ALL_KEPT.stretch_of(Filters(start_timestamp=start, end_timestamp=end))

    assert stretch.lower == stretch.upper
    assert divide(stretch, FINEST, ALL_KEPT) == []


@given(st.lists(stretches), st.lists(stretches))
def test_what_is_left_of_stretches_without_others(
    some: list[Stretch], others: list[Stretch]
) -> None:
    left = without(joined(some), joined(others))

    for place in {end for stretch in [*some, *others] for end in stretch}:
        for second in (place - 1, place):
            is_left = any(s.lower <= second < s.upper for s in some) and not any(
                s.lower <= second < s.upper for s in others
            )
            assert any(s.lower <= second < s.upper for s in left) == is_left


@given(stretches, st.sampled_from((1, MINUTE, HOUR, DAY)))
def test_whole_buckets_are_all_that_lie_in_a_stretch(stretch: Stretch, size_s: int) -> None:
    whole = whole_buckets(stretch, size_s) or Stretch(stretch.upper, stretch.upper)

    assert whole.lower - stretch.lower < size_s or whole.lower == whole.upper
    assert stretch.lower <= whole.lower <= whole.upper <= stretch.upper

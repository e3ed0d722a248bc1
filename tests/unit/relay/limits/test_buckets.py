"""Token bucket and leaky bucket: bursts up to the bucket, and the rate from then on."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.limits.limit import Counting
from tests.unit.relay.limits.counted import Counted
from tests.unit.relay.limits.made_limits import START_MS, limit


def _of(bucket: int, a_second: float) -> Counted:
    return Counted(limit(Counting.BUCKET, bucket, rate=a_second / 1000))


def test_a_burst_is_as_large_as_the_bucket() -> None:
    assert _of(100, a_second=1).allowed(0, of=400) == 100


def test_each_comes_back_after_its_time_and_not_a_millisecond_before() -> None:
    counted = _of(2, a_second=0.5)
    assert counted.allowed(0, of=3) == 2
    assert not counted.allows(1_999)
    assert counted.allows(2_000)
    assert not counted.allows(2_001)
    assert counted.allows(4_000)


def test_a_bucket_of_one_lets_an_even_flow_through() -> None:
    counted = _of(1, a_second=10)
    let_through = [at_ms for at_ms in range(0, 1_000, 7) if counted.allows(at_ms)]
    pauses = [b - a for a, b in pairwise(let_through)]
    assert min(pauses) >= 100


def test_what_is_not_used_is_not_saved_beyond_the_bucket() -> None:
    assert _of(5, a_second=1).allowed(3_600_000, of=20) == 5


def test_it_says_when_the_next_fits_and_when_it_is_full_again() -> None:
    counted = _of(2, a_second=1)
    counted.ask(0)
    assert counted.ask(0).reset_at_ms == START_MS + 2_000
    assert counted.ask(500).retry_at_ms == START_MS + 1_000


def test_one_that_never_refills_is_used_up_for_good() -> None:
    counted = _of(1, a_second=0)
    assert counted.allows(0)
    refused = counted.ask(10**9)
    assert not refused.is_allowed
    assert refused.retry_at_ms is None


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    counted = _of(2, a_second=1)
    assert counted.allowed(10_000, of=3) == 2
    assert not counted.allows(0)
    assert not counted.allows(10_999)
    assert counted.allows(11_000)


@pytest.mark.parametrize("a_second", [0.1, 1 / 3, 7.7])
def test_rounding_loses_no_request(a_second: float) -> None:
    """Thousands of binary fractions added up: the one that is due comes in the millisecond."""
    counted, at_ms = _of(1, a_second=a_second), 0
    for _ in range(2_000):
        assert counted.allows(at_ms)
        retry_at_ms = counted.ask(at_ms).retry_at_ms
        assert retry_at_ms is not None
        at_ms = retry_at_ms - START_MS


@given(
    pauses=st.lists(st.integers(0, 3_000), min_size=1, max_size=80),
    bucket=st.integers(1, 9),
    a_second=st.sampled_from([0.25, 1.0, 3.0]),
)
def test_no_span_has_more_than_the_bucket_and_what_came_back_meanwhile(
    pauses: list[int], bucket: int, a_second: float
) -> None:
    counted, at_ms, let_through = _of(bucket, a_second=a_second), 0, []
    for pause_ms in pauses:
        at_ms += pause_ms
        if counted.allows(at_ms):
            let_through.append(at_ms)
    for first, from_ms in enumerate(let_through):
        for last, to_ms in enumerate(let_through[first:], first):
            assert last - first + 1 <= bucket + (to_ms - from_ms) * a_second / 1000 + 1e-3

"""What requests hold while they last, and what they used from then on."""

import pytest

from services.relay.limits.deciding import HELD_RETRY_MS
from services.relay.limits.limit import Counting, Kind
from tests.unit.relay.limits.counted import Counted
from tests.unit.relay.limits.made_limits import START_MS, WINDOW_MS, limit, place

_WINDOWS = [Counting.SLIDING, Counting.FIXED, Counting.BUCKET]


def _tokens(counting: Counting, capacity: int = 1000) -> Counted:
    return Counted(limit(counting, capacity, kind=Kind.TOKENS))


@pytest.mark.parametrize("counting", _WINDOWS)
def test_a_limit_of_nothing_lets_nothing_through_ever(counting: Counting) -> None:
    refused = Counted(limit(counting, 0, rate=0.0)).ask(0)
    assert not refused.is_allowed
    assert refused.retry_at_ms is None


@pytest.mark.parametrize("counting", _WINDOWS)
def test_more_than_the_whole_limit_never_fits_and_takes_nothing(counting: Counting) -> None:
    counted = _tokens(counting)
    refused = counted.ask(0, use=0, hold=1001)
    assert (refused.is_allowed, refused.retry_at_ms) == (False, None)
    assert counted.ask(0, use=0, hold=1000).is_allowed


@pytest.mark.parametrize("counting", _WINDOWS)
def test_what_is_held_is_given_back_and_only_what_was_used_counts(counting: Counting) -> None:
    counted = _tokens(counting)
    assert counted.ask(0, use=0, hold=900).remaining == 100
    assert not counted.ask(10, use=0, hold=200).is_allowed
    counted.end(20, held=900, used=50)
    after = counted.ask(20, use=0, hold=200)
    assert after.is_allowed
    assert after.remaining == 750


@pytest.mark.parametrize("counting", _WINDOWS)
def test_what_is_held_counts_as_long_as_the_request_lasts(counting: Counting) -> None:
    """An answer of ten minutes holds its tokens for ten minutes, in whichever window."""
    counted = _tokens(counting)
    counted.ask(0, use=0, hold=900)
    refused = counted.ask(10 * WINDOW_MS, use=0, hold=200)
    assert not refused.is_allowed
    assert refused.retry_at_ms == START_MS + 10 * WINDOW_MS + HELD_RETRY_MS


@pytest.mark.parametrize("counting", _WINDOWS)
def test_who_used_more_than_it_held_is_paid_for_by_those_that_follow(counting: Counting) -> None:
    counted = _tokens(counting)
    counted.ask(0, use=0, hold=10)
    counted.end(0, held=10, used=1500)
    refused = counted.ask(1, use=0, hold=1)
    assert (refused.is_allowed, refused.remaining) == (False, 0)
    assert refused.retry_at_ms is not None
    assert counted.ask(refused.retry_at_ms - START_MS, use=0, hold=1).is_allowed


def test_places_are_taken_and_given_back() -> None:
    counted = Counted(place(2))
    assert counted.ask(0, use=0, hold=1).remaining == 1
    assert counted.ask(0, use=0, hold=1).remaining == 0
    refused = counted.ask(0, use=0, hold=1)
    assert (refused.is_allowed, refused.reset_at_ms) == (False, None)
    assert refused.retry_at_ms == START_MS + HELD_RETRY_MS
    counted.end(5, held=1, used=0)
    assert counted.ask(5, use=0, hold=1).is_allowed

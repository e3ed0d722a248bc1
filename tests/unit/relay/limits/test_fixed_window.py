from services.relay.limits.limit import Counting
from tests.unit.relay.limits.counted import Counted
from tests.unit.relay.limits.made_limits import START_MS, WINDOW_MS, limit


def _of(capacity: int) -> Counted:
    return Counted(limit(Counting.FIXED, capacity))


def test_just_as_many_as_the_limit_are_let_through() -> None:
    assert _of(100).allowed(0, of=400) == 100


def test_all_of_it_is_back_at_the_tick_and_not_a_millisecond_before() -> None:
    counted = _of(3)
    assert counted.allowed(10_000, of=5) == 3
    assert not counted.allows(WINDOW_MS - 1)
    assert counted.allowed(WINDOW_MS, of=5) == 3


def test_around_a_tick_twice_as_many_may_come() -> None:
    """What fixed windows are known for; the sliding window is there for who does not want it."""
    counted = _of(3)
    assert counted.allowed(WINDOW_MS - 1, of=5) + counted.allowed(WINDOW_MS, of=5) == 6


def test_it_says_what_remains_and_when_it_is_back() -> None:
    counted = _of(2)
    first = counted.ask(1_000)
    assert (first.remaining, first.reset_at_ms) == (1, START_MS + WINDOW_MS)
    counted.ask(2_000)
    refused = counted.ask(3_000)
    assert not refused.is_allowed
    assert (refused.remaining, refused.retry_at_ms) == (0, START_MS + WINDOW_MS)


def test_a_clock_that_goes_back_gives_nothing_back() -> None:
    counted = _of(2)
    assert counted.allowed(WINDOW_MS, of=3) == 2
    assert not counted.allows(WINDOW_MS - 5_000)
    assert counted.allowed(2 * WINDOW_MS, of=3) == 2

from hypothesis import given
from hypothesis import strategies as st

from services.relay.limits.limit import Counting
from services.relay.limits.sliding_window import SLOTS
from tests.unit.relay.limits.counted import Counted
from tests.unit.relay.limits.made_limits import START_MS, WINDOW_MS, limit

_SLOT_MS = WINDOW_MS // SLOTS


def _of(capacity: int) -> Counted:
    return Counted(limit(Counting.SLIDING, capacity))


def test_just_as_many_as_the_limit_are_let_through() -> None:
    assert _of(100).allowed(0, of=400) == 100


def test_nothing_is_back_within_a_window_also_across_a_tick_of_the_clock() -> None:
    counted = _of(3)
    assert counted.allowed(WINDOW_MS - 1, of=5) == 3
    assert not counted.allows(WINDOW_MS)
    assert not counted.allows(2 * WINDOW_MS - 2)


def test_room_is_back_when_the_whole_slot_is_out_of_the_window() -> None:
    counted = _of(1)
    assert counted.allows(_SLOT_MS - 1)
    assert not counted.allows(WINDOW_MS + _SLOT_MS - 1)
    assert counted.allows(WINDOW_MS + _SLOT_MS)


def test_a_refusal_says_when_enough_is_back() -> None:
    counted = _of(3)
    counted.ask(0)
    counted.ask(10_000, use=2)
    assert counted.ask(20_000).retry_at_ms == START_MS + WINDOW_MS + _SLOT_MS
    assert counted.ask(20_000, use=3).retry_at_ms == START_MS + 10_000 + WINDOW_MS + _SLOT_MS
    assert counted.allows(10_000 + WINDOW_MS + _SLOT_MS, use=3)


def test_a_limit_of_millions_needs_no_more_numbers_than_slots() -> None:
    counted = _of(10**6)
    for at_ms in range(0, 3 * WINDOW_MS, 50):
        counted.ask(at_ms)
    assert len(counted.state.use.slots) <= SLOTS + 1  # type: ignore[union-attr]  # it is this one


_COMING = st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 4)), min_size=1, max_size=60)


@given(coming=_COMING, capacity=st.integers(1, 12))
def test_no_span_of_a_windows_length_ever_has_more_than_the_limit(
    coming: list[tuple[int, int]], capacity: int
) -> None:
    counted, at_ms, let_through = _of(capacity), 0, []
    for pause_ms, use in coming:
        at_ms += pause_ms
        if counted.allows(at_ms, use=use):
            let_through.append((at_ms, use))
    for end_ms, _ in let_through:
        within = (use for at, use in let_through if end_ms - WINDOW_MS < at <= end_ms)
        assert sum(within) <= capacity


@given(coming=_COMING, capacity=st.integers(1, 12))
def test_a_request_that_waits_as_it_was_told_is_let_through(
    coming: list[tuple[int, int]], capacity: int
) -> None:
    counted, at_ms = _of(capacity), 0
    for pause_ms, use in coming:
        at_ms += pause_ms
        decision = counted.ask(at_ms, use=use)
        if decision.is_allowed or decision.retry_at_ms is None:
            assert decision.is_allowed or use > capacity
            continue
        at_ms = decision.retry_at_ms - START_MS
        assert counted.allows(at_ms, use=use)

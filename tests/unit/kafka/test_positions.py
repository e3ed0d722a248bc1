"""Which fetched records pass, and what stops a partition."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.errors import HaltReason
from shared.kafka.positions import Flow, PartitionState
from shared.kafka.watermarks import Watermark


@dataclass(frozen=True)
class Fetched:
    offset: int
    id: str = "same"


def _fetch(*offsets: int) -> list[Fetched]:
    return [Fetched(offset) for offset in offsets]


def _offsets(state: PartitionState, records: list[Fetched]) -> list[int]:
    return [record.offset for record in state.admit(records, lambda r: r.id)]


def _flowing(offset: int) -> PartitionState:
    state = PartitionState()
    assert state.begin(Watermark(offset, None, None), 0, 1_000) == offset
    return state


@pytest.mark.parametrize(
    ("log_start", "log_end", "reason"),
    [(11, 50, HaltReason.LOG_STARTS_AFTER), (0, 9, HaltReason.LOG_ENDS_BEFORE)],
)
def test_a_log_that_does_not_reach_the_watermark_halts(
    log_start: int, log_end: int, reason: HaltReason
) -> None:
    state = PartitionState()
    assert state.begin(Watermark(10, "same", None), log_start, log_end) is None
    assert state.halt is not None
    assert state.halt.reason is reason
    assert _offsets(state, _fetch(10, 11)) == []


def test_a_log_whose_old_records_have_all_expired_is_no_gap() -> None:
    """Everything applied and everything expired: nothing is missing."""
    state = PartitionState()
    assert state.begin(Watermark(10, "same", None), 10, 10) == 10
    assert _offsets(state, _fetch(10)) == [10]


def test_the_same_record_before_the_watermark_lets_the_rest_pass() -> None:
    state = PartitionState()
    assert state.begin(Watermark(10, "same", None), 0, 12) == 9
    assert _offsets(state, _fetch(9, 10, 11)) == [10, 11]


def test_another_record_before_the_watermark_halts() -> None:
    """A topic made anew that has already grown past the watermark."""
    state = PartitionState()
    state.begin(Watermark(10, "another", None), 0, 12)
    assert _offsets(state, _fetch(9, 10, 11)) == []
    assert state.halt is not None
    assert state.halt.reason is HaltReason.OTHER_RECORD


def test_nothing_passes_before_the_witness_was_seen() -> None:
    """Records handed out from the committed offset, before the seek took effect."""
    state = PartitionState()
    state.begin(Watermark(10, "same", None), 0, 20)
    assert _offsets(state, _fetch(10, 11)) == []
    assert state.flow is Flow.UNVERIFIED
    state.begin(Watermark(10, "same", None), 0, 20)
    assert _offsets(state, _fetch(9)) == []
    assert _offsets(state, _fetch(10, 11)) == [10, 11]


def test_a_hole_is_looked_at_twice_and_then_halts() -> None:
    state = _flowing(10)
    assert _offsets(state, _fetch(10, 11, 14, 15)) == [10, 11]
    assert state.flow is Flow.UNVERIFIED
    state.begin(Watermark(12, None, None), 0, 20)
    assert _offsets(state, _fetch(14, 15)) == []
    assert state.halt is not None
    assert state.halt.reason is HaltReason.OFFSETS_MISSING
    assert (state.halt.from_offset, state.halt.to_offset) == (12, 14)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=30))
def test_each_offset_passes_once_and_in_order(fetches: list[tuple[int, int]]) -> None:
    """Whatever is handed out again, out of order, or ahead."""
    state = _flowing(5)
    passed: list[int] = []
    for start, length in fetches:
        passed += _offsets(state, _fetch(*range(start, start + length)))
        if state.flow is not Flow.FLOWING:
            break
    assert passed == list(range(5, 5 + len(passed)))

"""Percentiles within 1 %, equal to those of the package `ddsketch`, however they were added up."""

from fractions import Fraction
from random import Random

import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from services.logging.sketches.bins import BINS, bin_of
from services.logging.sketches.sketch import Sketch, UnreadableSketchError
from shared.events.numbers import MAX_MS

DURATIONS = st.lists(
    st.one_of(st.integers(0, 300), st.integers(0, 200_000), st.integers(0, MAX_MS)),
    min_size=1,
    max_size=60,
)
QUANTILES = (0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)


def sketch_of(durations: list[int]) -> Sketch:
    sketch = Sketch()
    for ms in durations:
        sketch.add(ms)
    return sketch


@given(DURATIONS)
def test_each_quantile_is_within_one_percent_and_half_a_millisecond(durations: list[int]) -> None:
    sketch, ordered = sketch_of(durations), sorted(durations)
    for q in QUANTILES:
        exact = ordered[int(Fraction(str(q)) * (len(ordered) - 1))]
        found = sketch.quantile(q)
        assert found is not None
        assert abs(found - exact) <= exact * 0.01 + 0.5 + 1e-6 * exact


@given(DURATIONS)
def test_it_says_what_the_package_says(durations: list[int]) -> None:
    sketch, package = sketch_of(durations), DDSketch(relative_accuracy=0.01)
    for ms in durations:
        package.add(ms)
    for q in QUANTILES:
        expected = package.get_quantile_value(q)
        assert expected is not None
        assert sketch.quantile(q) == round(expected)


@given(DURATIONS, st.integers(0, 60), st.randoms(use_true_random=False))
def test_split_and_merged_in_any_order_it_is_the_same_to_the_byte(
    durations: list[int], cut: int, random: Random
) -> None:
    whole = sketch_of(durations).to_bytes()
    shuffled = random.sample(durations, len(durations))
    merged = Sketch.from_bytes(sketch_of(shuffled[:cut]).to_bytes())
    merged.merge(sketch_of(shuffled[cut:]))
    assert merged.to_bytes() == whole
    assert merged.count == len(durations)


def test_the_table_holds_what_would_be_reckoned() -> None:
    ascending = [bin_of(ms) for ms in (0, 1, 2, 65_535, 65_536, 65_537, 10**6, MAX_MS)]
    assert ascending == sorted(ascending)
    assert [BINS[0], BINS[1]] == [0, 1]
    assert ascending[3] <= ascending[4] <= ascending[3] + 1


@given(st.lists(DURATIONS, min_size=1, max_size=5))
def test_parts_one_behind_the_other_are_their_sum(parts: list[list[int]]) -> None:
    stored = b"".join(sketch_of(durations).to_bytes() for durations in parts)
    whole = sketch_of([ms for durations in parts for ms in durations])
    assert Sketch.from_bytes(stored).to_bytes() == whole.to_bytes()


@pytest.mark.parametrize(("count", "length"), [(255, 6), (256, 7), (2**16, 9), (2**32, 13)])
def test_a_part_is_as_wide_as_its_counts(count: int, length: int) -> None:
    sketch = Sketch()
    sketch.add(5, count)
    assert len(sketch.to_bytes()) == length
    assert Sketch.from_bytes(sketch.to_bytes()).count == count


def test_stored_bytes_never_change_their_meaning() -> None:
    sketch = sketch_of([0, 1, 100, 100, 61_000])
    assert sketch.to_bytes().hex() == "030400" + "00000100e8002802" + "01010201"
    assert sketch_of([100]).to_bytes().hex() == "030100e80001"
    assert Sketch().to_bytes() == b""
    assert Sketch.from_bytes(b"").quantile(0.5) is None


@pytest.mark.parametrize(
    "stored", ["05", "030000", "070100e80001", "010100e80001", "030100e8", "030100e8000101"]
)
def test_what_is_no_sketch_is_refused(stored: str) -> None:
    with pytest.raises(UnreadableSketchError):
        Sketch.from_bytes(bytes.fromhex(stored))

"""Two parties with the same sums have the same requests; with any other they have not."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from operations.reconcile.hourly.closer import within_reach
from operations.reconcile.hourly.sums import Bucket, Sums, log_mark, mark_of

REQUESTS = st.dictionaries(st.uuids(version=4).map(str), st.integers(0, 10**15), max_size=30)


def sums_of(requests: dict[str, int]) -> Sums:
    sums = Sums()
    for request_id, units in requests.items():
        sums.add(mark_of(request_id), units)
    return sums


@given(REQUESTS)
def test_the_order_does_not_matter(requests: dict[str, int]) -> None:
    turned = dict(reversed(requests.items()))
    assert sums_of(turned) == sums_of(requests)


@given(REQUESTS, st.uuids(version=4), st.integers(0, 10**15))
def test_one_more_shows(requests: dict[str, int], more: UUID, units: int) -> None:
    assert sums_of(requests) != sums_of(requests | {str(more): units}) or str(more) in requests


def test_another_request_of_the_same_units_shows() -> None:
    assert sums_of({"a": 7, "b": 5}) != sums_of({"a": 7, "c": 5})


def test_swapped_units_show() -> None:
    assert sums_of({"a": 7, "b": 5}) != sums_of({"a": 5, "b": 7})


def test_swapped_outcomes_show() -> None:
    one, other = Sums(), Sums()
    for sums, succeeded in ((one, True), (other, False)):
        sums.add(log_mark(mark_of("a"), succeeded=succeeded), 0)
        sums.add(log_mark(mark_of("b"), succeeded=not succeeded), 0)
    assert one != other


def test_a_repeat_shows_in_the_count() -> None:
    twice = Sums()
    for _ in range(2):
        twice.add(mark_of("a"), 0)
    assert twice != sums_of({"a": 0})


def test_what_is_too_much_to_look_at_is_left_and_the_newest_comes_first() -> None:
    old, large, new = Bucket(0, 1), Bucket(3600, 1), Bucket(7200, 1)
    near, far = within_reach({old: 4, large: 90, new: 6}, most=10)
    assert (near, far) == ([new, old], {large})

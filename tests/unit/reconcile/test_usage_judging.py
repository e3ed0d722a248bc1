"""By how much usage may differ from billing's hours: as much as something explains, and no more."""

import pytest

from operations.reconcile.usage.judging import Bounds, Place, Refused, Told, usage_gaps

ADA, BOB = Place(3600, 1, "m"), Place(3600, 2, "m")
LATER = Place(7200, 1, "m")


def found(
    told: dict[Place, Told],
    on_its_way: dict[Place, int] | None = None,
    refused: Refused | None = None,
) -> set[Place]:
    gaps = list(usage_gaps(told, on_its_way or {}, refused or Refused()))
    return {place for place in told if place.subject in {gap.subject for gap in gaps}}


@pytest.mark.parametrize(("data", "usage"), [(5, 4), (4, 5), (0, 1), (1, 0), (-1, 0)])
def test_without_a_reason_every_difference_is_a_gap(data: int, usage: int) -> None:
    assert found({ADA: Told(data, usage), BOB: Told(3, 3)}) == {ADA}


@pytest.mark.parametrize("units", [3, -3])
def test_what_is_on_its_way_explains_itself_to_the_unit(units: int) -> None:
    told = {ADA: Told(10 + units, 10)}
    assert found(told, {ADA: units}) == set()
    assert found(told, {ADA: units + 1}) == {ADA}
    assert found(told, {BOB: units}) == {ADA}


def test_what_was_refused_may_be_missing_and_not_be_too_much() -> None:
    refused = Refused({ADA: Bounds(below=5), BOB: Bounds(below=5)}, {3600: 5})
    assert found({ADA: Told(15, 10)}, refused=refused) == set()
    assert found({ADA: Told(12, 10), BOB: Told(13, 10)}, refused=refused) == set()
    assert found({ADA: Told(16, 10)}, refused=refused) == {ADA}
    assert found({ADA: Told(9, 10)}, refused=refused) == {ADA}
    assert found({LATER: Told(15, 10)}, refused=refused) == {LATER}


def test_an_hour_lacks_no_more_than_was_refused_of_it_in_all() -> None:
    refused = Refused({ADA: Bounds(below=5), BOB: Bounds(below=5)}, {3600: 5})
    assert found({ADA: Told(13, 10), BOB: Told(13, 10)}, refused=refused) == {ADA, BOB}


def test_a_refund_that_was_refused_leaves_usage_higher() -> None:
    refused = Refused({ADA: Bounds(above=5)}, {})
    assert found({ADA: Told(5, 10)}, refused=refused) == set()
    assert found({ADA: Told(4, 10)}, refused=refused) == {ADA}
    assert found({ADA: Told(11, 10)}, refused=refused) == {ADA}

"""What grants pay and get back: the first to end pays first, and nothing is made or lost."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.billing.grants.consuming import (
    Lot,
    Paid,
    Payable,
    consume,
    expiring,
    returned,
    within,
)

NOW = datetime(2026, 5, 4, tzinfo=UTC)
DAY = timedelta(days=1)
UNITS = st.integers(0, 100)


def lot(grant_id: int, remaining: int, days: int = 1) -> Lot:
    return Lot(grant_id, remaining, NOW + days * DAY)


def pay(*units: int, workspace: int = 1, at: datetime = NOW) -> list[Payable]:
    return [Payable(workspace, each, at) for each in units]


def test_the_lot_that_ends_first_pays_first_and_the_balance_the_rest() -> None:
    lots = {1: [lot(1, 50, days=9), lot(2, 30, days=2), lot(3, 10, days=2)]}
    paid, left = consume(lots, pay(35, 0, 100))
    assert paid == [[Paid(2, 30), Paid(3, 5)], [], [Paid(3, 5), Paid(1, 50)]]
    assert left == {2: 0, 3: 0, 1: 0}


def test_a_lot_pays_nothing_that_ended_after_it_and_nothing_of_anothers() -> None:
    lots = {1: [lot(1, 50)], 2: [lot(2, 50)]}
    paid, left = consume(lots, [*pay(10, at=NOW + DAY), *pay(10, workspace=3)])
    assert (paid, left) == ([[], []], {})


@given(
    remaining=st.lists(UNITS, max_size=5),
    ends=st.lists(st.integers(1, 4), min_size=5, max_size=5),
    units=st.lists(UNITS, max_size=8),
)
def test_what_lots_pay_is_what_they_lose(
    remaining: list[int], ends: list[int], units: list[int]
) -> None:
    lots = [lot(n, left, ends[n]) for n, left in enumerate(remaining)]
    paid, left = consume({1: lots}, pay(*units))
    for parts, charged in zip(paid, units, strict=True):
        assert sum(part.units for part in parts) <= charged
        assert all(part.units > 0 for part in parts)
    for each in lots:
        lost = sum(part.units for parts in paid for part in parts if part.grant_id == each.grant_id)
        assert left.get(each.grant_id, each.remaining_units) == each.remaining_units - lost >= 0
    assert sum(p.units for parts in paid for p in parts) == min(sum(units), sum(remaining))


def test_what_is_given_back_goes_to_the_balance_first_and_then_to_the_last_grant() -> None:
    sources = [Paid(1, 30), Paid(2, 20)]  # of a charge of 60: 10 were the balance's
    assert returned(sources, 60, 50) == []
    assert returned(sources, 60, 45) == [Paid(2, 5)]
    assert returned(sources, 45, 20) == [Paid(1, 10), Paid(2, 15)]
    assert returned(sources, 60, 0) == sources
    assert returned(sources, 20, 60) == [Paid(1, -10), Paid(2, -20)]


@given(paid=st.lists(st.integers(1, 50), max_size=4), nets=st.lists(UNITS, min_size=2, max_size=9))
def test_in_however_many_steps_the_same_comes_back(paid: list[int], nets: list[int]) -> None:
    sources = [Paid(n, units) for n, units in enumerate(paid)]
    stepwise: dict[int, int] = {}
    for before, after in pairwise(nets):
        for grant_id, units in returned(sources, before, after):
            stepwise[grant_id] = stepwise.get(grant_id, 0) + units
    at_once = dict(returned(sources, nets[0], nets[-1]))
    assert {grant: units for grant, units in stepwise.items() if units} == at_once


@given(remaining=st.integers(1, 100), balance=st.integers(-50, 150), held=UNITS)
def test_an_expiry_takes_nothing_that_is_held_or_not_there(
    remaining: int, balance: int, held: int
) -> None:
    ends = expiring(
        remaining_units=remaining, balance_units=balance, available_units=balance - held
    )
    assert 0 <= ends.units <= max(0, balance - held)
    assert 0 <= ends.left_units <= held
    assert ends.units + ends.left_units == min(remaining, max(0, balance))


def test_the_first_to_end_gives_up_first_what_its_account_does_not_have() -> None:
    lots = {1: [lot(1, 50, days=9), lot(2, 30, days=2)], 2: [lot(3, 10)]}
    assert within(lots, {1: 80, 2: 10}) == {}
    assert within(lots, {1: 60, 2: 9}) == {2: 10, 3: 9}
    assert within(lots, {1: 20, 2: -5}) == {2: 0, 1: 20, 3: 0}


@given(remaining=st.lists(st.integers(1, 100), max_size=5), balance=st.integers(-50, 600))
def test_lots_together_are_never_more_than_the_balance(remaining: list[int], balance: int) -> None:
    lots = [lot(n, left, n % 3 + 1) for n, left in enumerate(remaining)]
    changed = within({1: lots}, {1: balance})
    left = [changed.get(each.grant_id, each.remaining_units) for each in lots]
    assert all(0 <= now <= was for now, was in zip(left, remaining, strict=True))
    assert sum(left) == min(sum(remaining), max(0, balance))

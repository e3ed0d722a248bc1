"""Which version of a price holds when, and which relays are told."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.billing.prices.price_versions import MAX_COMING, coming, current, told

NOW = datetime(2026, 1, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Dated:
    version: int
    effective_from: datetime


def at(version: int, hours: float) -> Dated:
    return Dated(version, NOW + timedelta(hours=hours))


def test_the_last_one_whose_time_has_come_holds() -> None:
    versions = [at(1, -50), at(3, 2), at(2, -1), at(4, 0)]
    assert current(versions, NOW) == at(4, 0)
    assert coming(versions, NOW) == [at(3, 2)]


def test_of_two_from_the_same_moment_the_later_made_holds() -> None:
    assert current([at(2, -1), at(1, -1)], NOW) == at(2, -1)


def test_nothing_holds_before_the_first() -> None:
    assert current([at(1, 1)], NOW) is None


def test_relays_are_told_what_held_within_the_last_day_and_what_is_to_come() -> None:
    versions = [at(1, -90), at(2, -30), at(3, -5), at(4, 3)]
    assert told(versions, NOW) == (at(2, -30), at(3, -5), at(4, 3))


@given(st.lists(st.floats(-100, 0), min_size=1, max_size=120), st.integers(0, MAX_COMING))
def test_what_is_told_fits_and_has_the_one_that_holds(past: list[float], ahead: int) -> None:
    versions = [at(n, hours) for n, hours in enumerate(past)]
    versions += [at(1000 + n, n + 1) for n in range(ahead)]
    chosen = told(versions, NOW)
    assert len(chosen) <= 50
    assert current(versions, NOW) in chosen
    assert list(chosen[len(chosen) - ahead :]) == coming(versions, NOW)

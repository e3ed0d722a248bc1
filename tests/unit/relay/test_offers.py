"""What a model is to a caller is worked out once, and again whenever the answer may be another."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.admission import Admission, offer_of
from services.relay.books.budgets import BudgetBook
from services.relay.books.prices import PriceBook
from services.relay.books.routing import RoutingBook
from services.relay.errors import RelayError
from shared.events.prices import GroupRatio, GroupRatioChanged, ModelPrice, PriceChanged
from shared.events.requests import ErrorCode
from shared.events.routing import GroupChanged, Status
from tests.unit.relay.made import GROUP, MODEL, caller, routing

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ONE = Decimal(1)


def version(number: int, effective_from: datetime) -> ModelPrice:
    return ModelPrice(
        version=number,
        effective_from=effective_from,
        model_ratio=ONE,
        completion_ratio=ONE,
        cache_ratio=ONE,
        cache_creation_ratio=ONE,
        image_ratio=ONE,
        audio_ratio=ONE,
    )


def prices(*versions: datetime, group_from: datetime = NOW - 9 * SECOND) -> PriceBook:
    """Versions 1, 2 … of MODEL, from those times on."""
    book = PriceBook()
    put(book, *versions)
    put_group(book, group_from)
    return book


def put(book: PriceBook, *versions: datetime) -> None:
    listed = tuple(version(number, at) for number, at in enumerate(versions, 1))
    book.put_model(PriceChanged(model=MODEL, versions=listed))


def put_group(book: PriceBook, effective_from: datetime, ratio: Decimal = ONE) -> None:
    only = GroupRatio(version=1, effective_from=effective_from, ratio=ratio)
    book.put_group(GroupRatioChanged(group=GROUP, versions=(only,)))


def admission(
    book: PriceBook, routes: RoutingBook | None = None, budgets: BudgetBook | None = None
) -> Admission:
    return Admission(routing=routes or routing(), prices=book, budgets=budgets or BudgetBook())


def test_an_offer_is_remembered_for_each_caller() -> None:
    admits, ada, bob = admission(prices(NOW)), caller(), caller()
    first = admits.offer(MODEL, ada, at=NOW)
    assert admits.offer(MODEL, ada, at=NOW + 99 * SECOND) is first
    assert admits.offer(MODEL, bob, at=NOW) is not first


def test_a_new_price_is_offered_at_once() -> None:
    book, by = prices(NOW - SECOND), caller()
    admits = admission(book)
    assert admits.offer(MODEL, by, at=NOW).price.version == 1
    put(book, NOW - SECOND, NOW)
    assert admits.offer(MODEL, by, at=NOW).price.version == 2


def test_a_ratio_that_changes_is_offered_at_once() -> None:
    book, by = prices(NOW), caller()
    admits = admission(book)
    before = admits.offer(MODEL, by, at=NOW).dearest_group_ratio
    put_group(book, NOW, Decimal(3))
    assert (before, admits.offer(MODEL, by, at=NOW).dearest_group_ratio) == (ONE, Decimal(3))


def test_a_model_or_a_group_that_is_closed_is_offered_no_more() -> None:
    routes, by = routing(), caller()
    admits = admission(prices(NOW), routes)
    closed = GroupChanged(name=GROUP, status=Status.DISABLED)
    closes: list[Callable[[], None]] = [
        lambda: routes.put_group(closed),
        lambda: routes.forget(f"model:{MODEL}"),
    ]
    for close in closes:
        admits.offer(MODEL, by, at=NOW)
        close()
        with pytest.raises(RelayError) as caught:
            admits.offer(MODEL, by, at=NOW)
        assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
        routes.put_group(closed.model_copy(update={"status": Status.ENABLED}))


def test_a_price_is_offered_when_its_time_comes() -> None:
    admits, by = admission(prices(NOW - SECOND, NOW + SECOND)), caller()
    found = [
        admits.offer(MODEL, by, at=NOW + SECOND * after).price.version for after in (0, 0.999999, 1)
    ]
    assert found == [1, 1, 2]


def test_a_group_s_ratio_is_offered_when_its_time_comes() -> None:
    admits, by = admission(prices(NOW - SECOND, group_from=NOW + SECOND)), caller()
    with pytest.raises(RelayError):
        admits.offer(MODEL, by, at=NOW)
    assert admits.offer(MODEL, by, at=NOW + SECOND).groups.keys() == {GROUP}


def test_who_arrived_before_a_change_gets_what_held_then_and_nobody_else_does() -> None:
    admits, by = admission(prices(NOW - SECOND, NOW)), caller()
    late, early = NOW + SECOND, NOW - SECOND / 2
    found = [admits.offer(MODEL, by, at=at).price.version for at in (late, early, late, early)]
    assert found == [2, 1, 2, 1]


def test_a_refusal_is_not_remembered() -> None:
    book, by = PriceBook(), caller()
    admits = admission(book)
    with pytest.raises(RelayError):
        admits.offer(MODEL, by, at=NOW)
    put(book, NOW)
    put_group(book, NOW)
    assert admits.offer(MODEL, by, at=NOW).price.version == 1


STEPS = st.integers(0, 6).map(lambda step: NOW + step * SECOND)


@given(st.lists(STEPS, min_size=1, max_size=4), st.lists(STEPS, min_size=1, max_size=12))
def test_in_whatever_order_requests_come_each_gets_what_held_at_its_arrival(
    changes: list[datetime], arrivals: list[datetime]
) -> None:
    book, routes, by = prices(NOW - SECOND, *changes), routing(), caller()
    admits = admission(book, routes)
    for at in arrivals:
        worked_out = offer_of(MODEL, by, routing=routes, prices=book, budgets=BudgetBook(), at=at)
        assert admits.offer(MODEL, by, at=at).price.version == worked_out.price.version


@given(st.lists(STEPS, max_size=4), STEPS, STEPS)
def test_a_book_says_how_long_what_is_in_force_stays(
    changes: list[datetime], at: datetime, other: datetime
) -> None:
    book = prices(*changes)
    since, until = book.unchanged(at)
    assert since <= at < until
    if since <= other < until:
        assert book.price(MODEL, other) == book.price(MODEL, at)
        assert book.group_ratio(GROUP, GROUP, other) == book.group_ratio(GROUP, GROUP, at)
    times = sorted({datetime.min.replace(tzinfo=UTC), NOW - 9 * SECOND, *changes})
    times.append(datetime.max.replace(tzinfo=UTC))
    assert (since, until) in list(pairwise(times))

"""On what terms a request is admitted, or why it is not."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.relay.admission import Terms, offer_of, terms_of
from services.relay.books.budgets import BudgetBook
from services.relay.books.prices import PriceBook
from services.relay.books.routing import RoutingBook
from services.relay.errors import RelayError
from services.relay.leases.payers import payers_of, quota_short
from shared.events.prices import GroupRatio, GroupRatioChanged, ModelPrice, PriceChanged
from shared.events.requests import ErrorCode, Rating
from shared.events.routing import GroupChanged, Status
from tests.unit.relay.made import GROUP, MODEL, caller, facts, offer, routing

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ONE = Decimal(1)
KEY, ACCOUNT = payers_of(caller(key={"unlimited_quota": False}), offer())


def model_price(version: int = 1, **changes: Any) -> ModelPrice:
    values: dict[str, Any] = {"version": version, "effective_from": NOW - timedelta(days=1)}
    values |= {"model_ratio": ONE, "completion_ratio": Decimal(4), "cache_ratio": ONE}
    values |= {"cache_creation_ratio": ONE, "image_ratio": ONE, "audio_ratio": ONE}
    return ModelPrice(**values | changes)


def prices(*versions: ModelPrice, ratios: dict[str, Decimal] | None = None) -> PriceBook:
    book = PriceBook()
    book.put_model(PriceChanged(model=MODEL, versions=versions or (model_price(),)))
    group = GroupRatio(
        version=1, effective_from=NOW, ratio=Decimal(2), user_group_ratios=ratios or {}
    )
    book.put_group(GroupRatioChanged(group=GROUP, versions=(group,)))
    return book


def terms(
    *, book: PriceBook | None = None, routes: RoutingBook | None = None, **asked: Any
) -> Terms:
    by = caller(key=asked.pop("key", None))
    request = facts(**asked)
    offered = offer_of(
        request.model,
        by,
        routing=routes or routing(),
        prices=book or prices(),
        budgets=BudgetBook(),
        at=NOW,
    )
    return terms_of(request, offered)


def refused(**asked: Any) -> tuple[ErrorCode, int]:
    with pytest.raises(RelayError) as caught:
        terms(**asked)
    return caught.value.code, caught.value.http_status


@pytest.mark.parametrize(
    ("asked", "hold_units"),
    [
        # Twice (the 400 bytes and the model's 1,000 tokens at 4 each).
        ({}, 8_800),
        ({"max_output_tokens": 50}, 1_200),
        ({"max_output_tokens": 0}, 800),
        ({"max_output_tokens": 5_000}, 40_800),
        ({"answers": 3, "max_output_tokens": 50}, 2_000),
        ({"media_count": 2, "max_output_tokens": 50}, 3_200),
    ],
)
def test_the_hold_is_the_most_that_the_request_may_cost(
    asked: dict[str, Any], hold_units: int
) -> None:
    assert terms(**asked).hold_units == hold_units


def test_the_price_book_may_reckon_with_a_lower_maximum() -> None:
    assert terms(book=prices(model_price(max_output_tokens=10))).output_tokens == 10


def test_a_user_groups_own_ratio_is_the_one_that_counts() -> None:
    special = terms(book=prices(ratios={GROUP: Decimal("0.5")}))
    rating = Rating.model_validate_json(special.offer.groups[GROUP].rating_json)
    assert (rating.group_ratio, special.hold_units) == (Decimal("0.5"), 2_200)
    assert rating.user_group_ratio == Decimal("0.5")


def test_a_price_holds_from_its_time_on() -> None:
    soon = model_price(3, effective_from=NOW + timedelta(seconds=1))
    now = model_price(2, effective_from=NOW)
    assert terms(book=prices(model_price(1), now, soon)).offer.price.version == 2


def test_what_may_not_be_used_is_refused() -> None:
    assert refused(model="unknown") == (ErrorCode.MODEL_NOT_FOUND, 404)
    assert refused(key={"model_limits": ("other",)}) == (ErrorCode.MODEL_NOT_ALLOWED, 403)
    assert refused(key={"model_limits": ()}) == (ErrorCode.MODEL_NOT_ALLOWED, 403)
    closed = routing()
    closed.put_group(GroupChanged(name=GROUP, status=Status.DISABLED))
    assert refused(routes=closed) == (ErrorCode.MODEL_NOT_FOUND, 404)


def test_media_for_a_model_that_takes_none_have_no_bound_and_are_refused() -> None:
    book = routing()
    book.put_model(book.models[MODEL].model_copy(update={"max_media_tokens": 0}))
    assert refused(routes=book, media_count=1) == (ErrorCode.INVALID_REQUEST, 400)
    assert terms(routes=book, media_count=0).hold_units > 0


def test_a_model_without_a_price_is_refused_and_never_free() -> None:
    unpriced = (ErrorCode.MODEL_PRICE_NOT_SET, 503)
    assert refused(book=PriceBook()) == unpriced
    later = prices(model_price(effective_from=NOW + timedelta(seconds=1)))
    assert refused(book=later) == unpriced
    no_group = prices()
    no_group.forget(f"group:{GROUP}")
    assert refused(book=no_group) == unpriced
    assert terms(book=prices(model_price(model_ratio=Decimal(0)))).hold_units == 0


def test_a_short_balance_says_which_max_tokens_it_would_cover() -> None:
    asked = facts()
    error = quota_short(terms(), asked, ACCOUNT, 1_204)
    assert (error.code, error.http_status) == (ErrorCode.INSUFFICIENT_QUOTA, 403)
    assert "$0.002408" in error.message
    assert "$0.017600" in error.message
    assert "`max_tokens` up to 50." in error.message
    assert "max_tokens" not in quota_short(terms(), asked, ACCOUNT, 700).message
    assert "$0.000000" in quota_short(terms(), asked, ACCOUNT, -5).message


def test_a_short_key_is_told_apart_from_a_short_balance() -> None:
    error = quota_short(terms(), facts(), KEY, 1_204)
    assert (error.code, error.http_status) == (ErrorCode.KEY_EXHAUSTED, 403)
    assert error.message.startswith("The API key's remaining quota ($0.002408)")


def test_a_free_call_holds_nothing_whatever_the_model_costs() -> None:
    assert terms(is_free=True).hold_units == 0
    per_call = prices(model_price(model_price=Decimal(1)))
    assert (terms(book=per_call).hold_units, terms(book=per_call, is_free=True).hold_units) == (
        1_000_000,
        0,
    )


def test_a_key_that_may_go_on_to_other_groups_holds_what_the_dearest_of_them_costs() -> None:
    book, groups = prices(), routing()
    for name, ratio, is_selectable in (("dear", "3", True), ("hidden", "9", False)):
        groups.put_group(
            GroupChanged(name=name, status=Status.ENABLED, is_selectable=is_selectable)
        )
        version = GroupRatio(version=1, effective_from=NOW, ratio=Decimal(ratio))
        book.put_group(GroupRatioChanged(group=name, versions=(version,)))
    model = groups.models[MODEL]
    groups.put_model(model.model_copy(update={"groups": (GROUP, "dear", "hidden")}))
    stays = terms(routes=groups, book=book)
    goes_on = terms(routes=groups, book=book, key={"cross_group_retry": True})
    assert (list(stays.offer.groups), stays.hold_units) == ([GROUP], 4_400 * 2)
    assert list(goes_on.offer.groups) == [GROUP, "dear"]
    assert goes_on.hold_units == stays.hold_units * 3 // 2
    # Where the model is not for the other group, it is not tried there.
    groups.put_model(model)
    alone = terms(routes=groups, book=book, key={"cross_group_retry": True})
    assert list(alone.offer.groups) == [GROUP]

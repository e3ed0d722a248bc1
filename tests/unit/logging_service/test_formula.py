from decimal import Decimal

import pytest

from services.logging.explaining import explain
from services.logging.formula import formula, ratios_of, units_of
from shared.events.requests import LeaseUse, Outcome, Rating
from shared.events.usage import Usage, UsageSource
from shared.money.rating import PriceRatios, UnitCounts
from tests.made_events import ONE, request
from tests.made_rows import row_of

PRICE = PriceRatios(
    model_ratio=Decimal("0.075"), completion_ratio=Decimal(4), cache_ratio=Decimal("0.5")
)


@pytest.mark.parametrize(
    ("units", "price", "written"),
    [
        (
            UnitCounts(prompt=1000, completion=500, cached=400),
            PRICE,
            "(600 + 400 cached × 0.5 + 500 completion × 4) × 0.075 × 1 = 210",
        ),
        (UnitCounts(prompt=3), PRICE, "(3) × 0.075 × 1 = 1"),
        (
            UnitCounts(prompt=10, cached=4, cache_creation_1h=2, prompt_includes_cached=False),
            PriceRatios(model_ratio=ONE, cache_creation_1h_ratio=Decimal(2)),
            "(10 + 4 cached × 1 + 2 written for an hour × 2) × 1 × 1 = 18",
        ),
        (
            UnitCounts(prompt=10),
            PriceRatios(model_ratio=ONE, model_price=Decimal("0.04")),
            "$0.04 × 500000 × 1 = 20000",
        ),
    ],
)
def test_the_formula_has_the_numbers_that_give_the_charge(
    units: UnitCounts, price: PriceRatios, written: str
) -> None:
    assert formula(units, price, ONE) == written


def test_from_its_row_a_charge_is_reckoned_as_it_was_from_its_event() -> None:
    """Nothing that the charge depends on is left out of the row."""
    rating = Rating(
        price_version=4,
        model_ratio=Decimal("1.25"),
        completion_ratio=Decimal(5),
        cache_ratio=Decimal("0.1"),
        cache_creation_ratio=Decimal("1.25"),
        cache_creation_1h_ratio=Decimal(2),
        image_ratio=Decimal(3),
        audio_ratio=Decimal(7),
        group_ratio=Decimal("0.8"),
    )
    usage = Usage(
        prompt_tokens=100,
        completion_tokens=11,
        cached_tokens=13,
        cache_creation_tokens=17,
        cache_creation_1h_tokens=5,
        image_tokens=19,
        audio_tokens=23,
        prompt_includes_cached=False,
    )
    # (100 - 19 - 23 + 13·0.1 + 12·1.25 + 5·2 + 19·3 + 23·7 + 11·5) · 1.25 · 0.8 = 357.3
    event = request(rating=rating, usage=usage, quota=357, hold_quota=900)

    told = explain(row_of(event)._asdict())

    assert told["charge"]["rated_quota"] == told["charge"]["quota"] == 357
    assert told["charge"]["formula"].endswith("× 1.25 × 0.8 = 357")
    assert told["charge"]["ratios"]["price_version"] == 4
    assert told["usage"]["cache_creation"] == 12
    assert told["hold"] == {
        "quota": 900,
        "leases": [LeaseUse(lease_id="lease-1", subject="account:7").model_dump()],
    }
    assert told["attempts"] == [event.attempts[0].model_dump(mode="json")]


def test_what_was_not_rated_has_no_formula() -> None:
    failed = request(outcome=Outcome.FAILED, quota=0, usage=Usage(), usage_source=UsageSource.NONE)
    for event in (request(rating=None, quota=0), failed):
        charge = explain(row_of(event)._asdict())["charge"]
        assert charge == {"quota": 0, "formula": None, "rated_quota": None, "ratios": None}


def test_a_row_of_an_earlier_release_is_explained_as_far_as_it_goes() -> None:
    row = row_of(request())._asdict() | {"other": '{"model_ratio":2.0,"cache_tokens":0}'}

    told = explain(row)

    assert told["attempts"] == []
    assert told["hold"] == {"quota": None, "leases": []}
    assert told["charge"]["formula"] == "(10 + 20 completion × 1) × 2 × 1 = 60"
    price = ratios_of({"model_ratio": 2.0})
    assert price is not None
    assert price.model_ratio == 2
    assert units_of(row, {}).prompt == 10

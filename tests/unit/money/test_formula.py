"""A charge written out has the numbers that give it."""

from decimal import Decimal

import pytest
from hypothesis import given

from shared.money.formula import formula
from shared.money.price_ratios import PriceRatios
from shared.money.rating import UnitCounts, rate
from tests.unit.money.prices import PRICES, RATIOS, UNITS
from tests.written_sums import added_up, rounded

ONE = Decimal(1)
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
        (UnitCounts(prompt=3), PRICE, "(3) × 0.075 × 1 = 0.225, and so 1"),
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
        (
            UnitCounts(prompt=10, completion=9, output_audio=4),
            PriceRatios(
                model_ratio=ONE, completion_ratio=Decimal(4), output_audio_ratio=Decimal("16.50")
            ),
            "(10 + 5 completion × 4 + 4 completion in audio × 16.5) × 1 × 1 = 96",
        ),
        (
            UnitCounts(prompt=10, completion=5, tools=(("web_search", 2),)),
            PriceRatios(
                model_ratio=ONE,
                completion_ratio=Decimal(4),
                tool_prices={"web_search": Decimal("1E+1")},
            ),
            "((10 + 5 completion × 4) × 1 + 2 web_search × $10 × 500) × 1 = 10030",
        ),
    ],
)
def test_the_formula_has_the_numbers_that_give_the_charge(
    units: UnitCounts, price: PriceRatios, written: str
) -> None:
    assert formula(units, price, ONE) == written


def test_a_tier_of_service_is_a_factor_of_its_own() -> None:
    written = formula(
        UnitCounts(prompt=10),
        PRICE,
        ONE,
        service_tier="priority",
        service_tier_ratio=Decimal("2.5"),
    )
    assert written == "(10) × 0.075 × 2.5 priority × 1 = 1.875, and so 2"


@given(UNITS, PRICES, RATIOS, RATIOS)
def test_added_up_by_hand_it_comes_to_the_charge(
    units: UnitCounts, price: PriceRatios, group_ratio: Decimal, service: Decimal
) -> None:
    written = formula(
        units, price, group_ratio, service_tier="priority", service_tier_ratio=service
    )
    sum_, _, told = written.partition(" = ")
    exact, _, charged = told.partition(", and so ")
    assert added_up(sum_) == added_up(exact)
    assert rounded(added_up(exact)) == int(charged or exact)
    assert int(charged or exact) == rate(units, price, group_ratio, service)

"""A tariff in whole numbers is the formula itself, to the last unit."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.money.rating import PriceRatios, UnitCounts, rate, upper_bound
from shared.money.tariff import Tariff
from tests.unit.money.prices import PRICES, RATIOS, TOKENS

UNITS = st.builds(
    UnitCounts,
    prompt=TOKENS,
    completion=TOKENS,
    cached=TOKENS,
    cache_creation=TOKENS,
    cache_creation_1h=TOKENS,
    image=TOKENS,
    audio=TOKENS,
    prompt_includes_cached=st.booleans(),
)


@given(units=UNITS, price=PRICES, group_ratio=RATIOS)
def test_the_charge_is_the_formulas(
    units: UnitCounts, price: PriceRatios, group_ratio: Decimal
) -> None:
    assert Tariff(price, group_ratio).charge(units) == rate(units, price, group_ratio)


@given(
    prompt_tokens=TOKENS,
    output_tokens=TOKENS,
    answers=st.integers(1, 128),
    price=PRICES,
    group_ratio=RATIOS,
)
def test_the_bound_is_the_formulas(
    prompt_tokens: int, output_tokens: int, answers: int, price: PriceRatios, group_ratio: Decimal
) -> None:
    asked = {"prompt_tokens": prompt_tokens, "output_tokens": output_tokens, "answers": answers}
    assert Tariff(price, group_ratio).bound(**asked) == upper_bound(
        **asked, price=price, dearest_group_ratio=group_ratio
    )


def test_halves_are_rounded_up_as_the_formula_does() -> None:
    price = PriceRatios(model_ratio=Decimal("0.5"))
    tariff = Tariff(price, Decimal(1))
    assert [tariff.charge(UnitCounts(prompt=n)) for n in (0, 1, 2, 3, 5)] == [0, 1, 1, 2, 3]

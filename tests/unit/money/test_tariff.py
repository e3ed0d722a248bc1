"""A tariff in whole numbers is the formula itself, to the last unit."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.money.hold import upper_bound
from shared.money.price_ratios import PriceRatios
from shared.money.rating import UnitCounts, rate
from shared.money.tariff import Tariff
from tests.unit.money.prices import PRICES, RATIOS, TOKENS, TOOL_CALLS, UNITS

SERVICE = st.just(Decimal(1)) | RATIOS


@given(units=UNITS, price=PRICES, group_ratio=RATIOS, service=SERVICE)
def test_the_charge_is_the_formulas(
    units: UnitCounts, price: PriceRatios, group_ratio: Decimal, service: Decimal
) -> None:
    tariff = Tariff(price, group_ratio, service)
    assert tariff.charge(units) == rate(units, price, group_ratio, service)


@given(
    asked=st.fixed_dictionaries(
        {"prompt_tokens": TOKENS, "output_tokens": TOKENS, "answers": st.integers(1, 128)}
    ),
    price=PRICES,
    ratios=st.tuples(RATIOS, SERVICE),
    tool_calls=TOOL_CALLS,
)
def test_the_bound_is_the_formulas(
    asked: dict[str, int],
    price: PriceRatios,
    ratios: tuple[Decimal, Decimal],
    tool_calls: tuple[tuple[str, int], ...],
) -> None:
    group_ratio, service = ratios
    tariff = Tariff(price, group_ratio, service)
    assert tariff.bound(**asked, tool_calls=tool_calls) == upper_bound(
        **asked,
        price=price,
        dearest_group_ratio=group_ratio,
        service_tier_ratio=service,
        tool_calls=tool_calls,
    )


def test_halves_are_rounded_up_as_the_formula_does() -> None:
    price = PriceRatios(model_ratio=Decimal("0.5"))
    tariff = Tariff(price, Decimal(1))
    assert [tariff.charge(UnitCounts(prompt=n)) for n in (0, 1, 2, 3, 5)] == [0, 1, 1, 2, 3]

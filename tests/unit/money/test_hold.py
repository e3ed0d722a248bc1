"""What is set aside before a call is never less than the call can cost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money.quota import MAX_QUOTA_UNITS
from shared.money.rating import PriceRatios, affordable_output_tokens, rate, upper_bound
from tests.unit.money.prices import PRICES, RATIOS, TOKEN_PRICES, TOKENS, within

ANSWERS = st.integers(1, 1024)


def hold(
    price: PriceRatios, group: Decimal, *, prompt: int = 0, output: int = 0, answers: int = 1
) -> int:
    return upper_bound(
        prompt_tokens=prompt,
        output_tokens=output,
        answers=answers,
        price=price,
        dearest_group_ratio=group,
    )


def affordable(
    available: int, price: PriceRatios, group: Decimal, *, prompt: int, answers: int
) -> int:
    return affordable_output_tokens(
        available_units=available,
        prompt_tokens=prompt,
        answers=answers,
        price=price,
        dearest_group_ratio=group,
    )


@pytest.mark.parametrize(
    ("price", "units"),
    [
        # Twice half of 100 input tokens and of 3 answers of 50 tokens that weigh 4 each.
        (PriceRatios(model_ratio=Decimal("0.5"), completion_ratio=Decimal(4)), 700),
        # The dearest input is an image, at 2.5: (100 * 2.5 + 150) * 1 * 2
        (PriceRatios(model_ratio=Decimal(1), image_ratio=Decimal("2.5")), 800),
        # A cheap cache makes no input cheaper: (100 + 150) * 1 * 2
        (PriceRatios(model_ratio=Decimal(1), cache_ratio=Decimal("0.1")), 500),
        # Per call: 0.01 * 500,000 * 2
        (PriceRatios(model_ratio=Decimal(9), model_price=Decimal("0.01")), 10_000),
        (PriceRatios(model_ratio=Decimal(0)), 0),
    ],
)
def test_sums_done_by_hand(price: PriceRatios, units: int) -> None:
    assert hold(price, Decimal(2), prompt=100, output=50, answers=3) == units


@given(st.data(), PRICES, RATIOS, st.tuples(TOKENS, TOKENS, ANSWERS))
def test_no_usage_within_its_bounds_costs_more_than_the_hold(
    data: st.DataObject, price: PriceRatios, group: Decimal, bounds: tuple[int, int, int]
) -> None:
    prompt, output, answers = bounds
    units = data.draw(within(prompt, output * answers))
    held = hold(price, group, prompt=prompt, output=output, answers=answers)
    assert rate(units, price, group) <= held


@given(TOKEN_PRICES, RATIOS, TOKENS, ANSWERS, st.integers(0, 10**12))
def test_what_it_would_cover_is_the_largest_that_is_covered(
    price: PriceRatios, group: Decimal, prompt: int, answers: int, available: int
) -> None:
    tokens = affordable(available, price, group, prompt=prompt, answers=answers)
    largest = hold(price, group, prompt=prompt, output=tokens, answers=answers)
    next_one = hold(price, group, prompt=prompt, output=tokens + 1, answers=answers)
    assert tokens >= 0
    assert tokens == 0 or largest <= available
    is_free = hold(price, group, output=10**9) == 0
    assert is_free or next_one > available


@given(TOKEN_PRICES, RATIOS, TOKENS, ANSWERS, st.integers(1, 10**9))
def test_what_was_held_for_so_many_tokens_covers_so_many(
    price: PriceRatios, group: Decimal, prompt: int, answers: int, tokens: int
) -> None:
    held = hold(price, group, prompt=prompt, output=tokens, answers=answers)
    if 0 < held < MAX_QUOTA_UNITS and price.completion_ratio > 0:
        assert affordable(held, price, group, prompt=prompt, answers=answers) >= tokens


@pytest.mark.parametrize(("available", "tokens"), [(0, 0), (-5, 0), (99, 0), (100, 0), (102, 1)])
def test_what_a_balance_covers(available: int, tokens: int) -> None:
    """100 prompt tokens, and 2 units for each of the answer's."""
    price = PriceRatios(model_ratio=Decimal(1), completion_ratio=Decimal(2))
    assert affordable(available, price, Decimal(1), prompt=100, answers=1) == tokens


def test_a_call_priced_per_call_has_no_tokens_to_cover() -> None:
    price = PriceRatios(model_ratio=Decimal(1), model_price=Decimal(1))
    assert affordable(10**9, price, Decimal(1), prompt=1, answers=1) == 0

"""What is set aside before a call is never less than the call can cost."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money.hold import affordable_output_tokens, upper_bound
from shared.money.price_ratios import PriceRatios, TierRatios
from shared.money.quota import MAX_QUOTA_UNITS
from shared.money.rating import rate
from tests.unit.money.prices import PRICES, RATIOS, TOKEN_PRICES, TOKENS, TOOL_CALLS, within

ANSWERS = st.integers(1, 1024)


def hold(
    price: PriceRatios,
    group: Decimal,
    *,
    prompt: int = 0,
    output: int = 0,
    answers: int = 1,
    **more: Any,
) -> int:
    return upper_bound(
        prompt_tokens=prompt,
        output_tokens=output,
        answers=answers,
        price=price,
        dearest_group_ratio=group,
        **more,
    )


def affordable(
    available: int, price: PriceRatios, group: Decimal, *, prompt: int, answers: int, **more: Any
) -> int:
    return affordable_output_tokens(
        available_units=available,
        prompt_tokens=prompt,
        answers=answers,
        price=price,
        dearest_group_ratio=group,
        **more,
    )


def tiered(above: int) -> PriceRatios:
    longer = TierRatios(
        above_prompt_tokens=above, model_ratio=Decimal(2), completion_ratio=Decimal(2)
    )
    return PriceRatios(model_ratio=Decimal(1), tiers=(longer,))


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
        # The answer may be audio, at 3: (100 + 150 * 3) * 1 * 2
        (PriceRatios(model_ratio=Decimal(1), output_audio_ratio=Decimal(3)), 1100),
        # 100 tokens may be in the tier above 99: (100 + 150 * 2) * 2 * 2 ...
        (tiered(99), 1600),
        # ... and are never in the one above 100: (100 + 150) * 1 * 2
        (tiered(100), 500),
    ],
)
def test_sums_done_by_hand(price: PriceRatios, units: int) -> None:
    assert hold(price, Decimal(2), prompt=100, output=50, answers=3) == units


@given(st.data(), PRICES, RATIOS, st.tuples(TOKENS, TOKENS, ANSWERS), TOOL_CALLS)
def test_no_usage_within_its_bounds_costs_more_than_the_hold(
    data: st.DataObject,
    price: PriceRatios,
    group: Decimal,
    bounds: tuple[int, int, int],
    at_most: tuple[tuple[str, int], ...],
) -> None:
    prompt, output, answers = bounds
    called = tuple((tool, data.draw(st.integers(0, most))) for tool, most in at_most)
    units = data.draw(within(prompt, output * answers))._replace(tools=called)
    served, dearest = sorted((data.draw(RATIOS), data.draw(RATIOS)))
    held = hold(
        price,
        group,
        prompt=prompt,
        output=output,
        answers=answers,
        service_tier_ratio=dearest,
        tool_calls=at_most,
    )
    assert rate(units, price, group, served) <= held


@given(TOKEN_PRICES, RATIOS, st.tuples(TOKENS, ANSWERS), st.integers(0, 10**12), TOOL_CALLS)
def test_what_it_would_cover_is_the_largest_that_is_covered(
    price: PriceRatios,
    group: Decimal,
    asked: tuple[int, int],
    available: int,
    tools: tuple[tuple[str, int], ...],
) -> None:
    def held(output: int) -> int:
        return hold(price, group, prompt=prompt, output=output, answers=answers, tool_calls=tools)

    prompt, answers = asked
    tokens = affordable(available, price, group, prompt=prompt, answers=answers, tool_calls=tools)
    assert tokens >= 0
    assert tokens == 0 or held(tokens) <= available
    # Where an answer of any length costs the same there is no largest.
    is_free = held(10**9) == held(0) < MAX_QUOTA_UNITS
    assert is_free or held(tokens + 1) > available


@given(TOKEN_PRICES, RATIOS, TOKENS, ANSWERS, st.integers(1, 10**9))
def test_what_was_held_for_so_many_tokens_covers_so_many(
    price: PriceRatios, group: Decimal, prompt: int, answers: int, tokens: int
) -> None:
    held = hold(price, group, prompt=prompt, output=tokens, answers=answers)
    is_free = hold(price, group, prompt=prompt, answers=answers) == held
    if held < MAX_QUOTA_UNITS and not is_free:
        assert affordable(held, price, group, prompt=prompt, answers=answers) >= tokens


@pytest.mark.parametrize(("available", "tokens"), [(0, 0), (-5, 0), (99, 0), (100, 0), (102, 1)])
def test_what_a_balance_covers(available: int, tokens: int) -> None:
    """100 prompt tokens, and 2 units for each of the answer's."""
    price = PriceRatios(model_ratio=Decimal(1), completion_ratio=Decimal(2))
    assert affordable(available, price, Decimal(1), prompt=100, answers=1) == tokens


def test_a_call_priced_per_call_has_no_tokens_to_cover() -> None:
    price = PriceRatios(model_ratio=Decimal(1), model_price=Decimal(1))
    assert affordable(10**9, price, Decimal(1), prompt=1, answers=1) == 0


def test_a_call_of_a_tool_and_a_dearer_service_are_held_too() -> None:
    """(100 * 1 * 2.5 + 2 * 500 * 10) * 2"""
    price = PriceRatios(model_ratio=Decimal(1), tool_prices={"web_search": Decimal(10)})
    held = hold(
        price,
        Decimal(2),
        prompt=100,
        service_tier_ratio=Decimal("2.5"),
        tool_calls=(("web_search", 2),),
    )
    assert held == 20_500

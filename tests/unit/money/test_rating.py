"""The charge of a request, against sums that were done by hand."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money.context_tiers import ratios_for
from shared.money.price_ratios import PriceRatios
from shared.money.quota import MAX_QUOTA_UNITS, QUOTA_PER_UNIT
from shared.money.rating import UnitCounts, rate
from tests.unit.money.prices import PLAIN_PRICES, PRICES, RATIOS, TOKEN_PRICES, TOKENS, UNITS

COUNTED = (
    *("prompt", "completion", "cached", "cache_creation", "cache_creation_1h", "image", "audio"),
    *("output_audio", "output_image"),
)


def price(model_ratio: str, **ratios: str) -> PriceRatios:
    named: dict[str, Any] = {name: Decimal(ratio) for name, ratio in ratios.items()}
    return PriceRatios(model_ratio=Decimal(model_ratio), **named)


GPT_4O_MINI = price("0.075", completion_ratio="4", cache_ratio="0.5")
SONNET = price("1.5", completion_ratio="5", cache_ratio="0.1", cache_creation_ratio="1.25")
IMAGES = price("2.5", completion_ratio="3", image_ratio="2", audio_ratio="16")


@pytest.mark.parametrize(
    ("units", "ratios", "group_ratio", "quota"),
    [
        # 1M input tokens at $2 for model_ratio 1: a million units are $2.
        ({"prompt": 1_000_000}, price("1"), "1", 1_000_000),
        # (1000 + 500 * 4) * 0.075 = 225
        ({"prompt": 1000, "completion": 500}, GPT_4O_MINI, "1", 225),
        # With 800 of them cached: (200 + 800 * 0.5 + 500 * 4) * 0.075 = 195
        ({"prompt": 1000, "cached": 800, "completion": 500}, GPT_4O_MINI, "1", 195),
        # 195 * 0.8 = 156
        ({"prompt": 1000, "cached": 800, "completion": 500}, GPT_4O_MINI, "0.8", 156),
        # (10 + 20 * 4) * 0.075 = 6.75, half up
        ({"prompt": 10, "completion": 20}, GPT_4O_MINI, "1", 7),
        # 20 * 0.075 = 1.5 and 60 * 0.075 = 4.5, half up and not half even
        ({"prompt": 20}, GPT_4O_MINI, "1", 2),
        ({"prompt": 60}, GPT_4O_MINI, "1", 5),
        # 59 * 0.075 = 4.425
        ({"prompt": 59}, GPT_4O_MINI, "1", 4),
        # 0.075: more than nothing is at least 1
        ({"prompt": 1}, GPT_4O_MINI, "1", 1),
        ({"prompt": 1}, price("0.000000001"), "0.000000001", 1),
        ({}, GPT_4O_MINI, "1", 0),
        ({"prompt": 1000, "completion": 1000}, price("0"), "1", 0),
        ({"prompt": 1000, "completion": 1000}, GPT_4O_MINI, "0", 0),
        ({"completion": 1000}, price("1", completion_ratio="0"), "1", 0),
        # cached above the prompt: no negative input; 900 * 0.5 * 0.075 = 33.75
        ({"prompt": 100, "cached": 900}, GPT_4O_MINI, "1", 34),
        # Anthropic leaves cached tokens out: 100 + 2000 * 0.1 + 400 * 1.25 + 10 * 5 = 850
        (
            {
                "prompt": 100,
                "cached": 2000,
                "cache_creation": 400,
                "completion": 10,
                "prompt_includes_cached": False,
            },
            SONNET,
            "1",
            1275,
        ),
        # The same figures where the prompt has the cached ones in it: 750 * 1.5
        (
            {"prompt": 100, "cached": 2000, "cache_creation": 400, "completion": 10},
            SONNET,
            "1",
            1125,
        ),
        # Ten of what is cached for an hour: (100 + 200 + 490 * 1.25 + 10 * 2 + 50) * 1.5 = 1473.75
        (
            {
                "prompt": 100,
                "cached": 2000,
                "cache_creation": 490,
                "cache_creation_1h": 10,
                "completion": 10,
                "prompt_includes_cached": False,
            },
            replace(SONNET, cache_creation_1h_ratio=Decimal(2)),
            "1",
            1474,
        ),
        # (50 + 300 * 2 + 20 * 16 + 8 * 3) * 2.5 = 2485
        ({"prompt": 370, "image": 300, "audio": 20, "completion": 8}, IMAGES, "1", 2485),
        # $0.04 a call, at a group ratio of 1.5, whatever it used
        ({"prompt": 9, "completion": 9}, price("7", model_price="0.04"), "1.5", 30_000),
        ({}, price("7", model_price="0.04"), "1", 20_000),
        ({}, price("7", model_price="0"), "1", 0),
        # What no request costs is the most that one can
        (
            {"prompt": 10**9, "completion": 10**9},
            price("1000000", completion_ratio="1000000"),
            "1000000",
            MAX_QUOTA_UNITS,
        ),
    ],
)
def test_sums_done_by_hand(
    units: dict[str, Any], ratios: PriceRatios, group_ratio: str, quota: int
) -> None:
    assert rate(UnitCounts(**units), ratios, Decimal(group_ratio)) == quota


def test_a_dollar() -> None:
    assert QUOTA_PER_UNIT == 500_000
    assert rate(UnitCounts(prompt=500_000), price("1"), Decimal(1)) == QUOTA_PER_UNIT


def test_every_count_is_rated() -> None:
    """A kind added to the counts and forgotten in the formula would be free."""
    counted = set(UnitCounts._fields) - {"prompt_includes_cached", "tools"}
    assert counted == set(COUNTED)
    priced = price("1", output_audio_ratio="1", output_image_ratio="1")
    for kind in counted:
        units: dict[str, Any] = {kind: 1000}
        assert rate(UnitCounts(**units), priced, Decimal(1)) == 1000


@given(UNITS, PRICES, RATIOS)
def test_never_negative_and_never_beyond_the_most(
    units: UnitCounts, ratios: PriceRatios, group_ratio: Decimal
) -> None:
    assert 0 <= rate(units, ratios, group_ratio) <= MAX_QUOTA_UNITS


@given(TOKENS.filter(bool), TOKEN_PRICES, RATIOS)
def test_something_used_at_a_ratio_above_zero_costs_at_least_one(
    tokens: int, ratios: PriceRatios, group_ratio: Decimal
) -> None:
    weighs = ratios_for(ratios, tokens).model_ratio * group_ratio > 0
    assert (rate(UnitCounts(prompt=tokens), ratios, group_ratio) >= 1) is weighs
    weighs = ratios_for(ratios, 0).model_ratio * ratios.completion_ratio * group_ratio > 0
    assert (rate(UnitCounts(completion=tokens), ratios, group_ratio) >= 1) is weighs


@given(UNITS, st.sampled_from(["prompt", "completion"]), TOKENS, PLAIN_PRICES, RATIOS)
def test_more_tokens_never_cost_less(
    units: UnitCounts, kind: str, more: int, ratios: PriceRatios, group_ratio: Decimal
) -> None:
    larger = units._replace(**{kind: getattr(units, kind) + more})
    assert rate(larger, ratios, group_ratio) >= rate(units, ratios, group_ratio)


@given(UNITS, PLAIN_PRICES, RATIOS, RATIOS)
def test_a_higher_ratio_never_costs_less(
    units: UnitCounts, ratios: PriceRatios, one: Decimal, other: Decimal
) -> None:
    low, high = sorted((one, other))
    assert rate(units, ratios, low) <= rate(units, ratios, high)
    cheap, dear = replace(ratios, model_ratio=low), replace(ratios, model_ratio=high)
    assert rate(units, cheap, Decimal(1)) <= rate(units, dear, Decimal(1))


@given(UNITS, PLAIN_PRICES, RATIOS)
def test_a_plain_price_costs_what_it_always_did(
    units: UnitCounts, ratios: PriceRatios, group_ratio: Decimal
) -> None:
    """The formula from before prices had tiers and tools, in whole numbers of 10^-27 units."""

    def whole(ratio: Decimal) -> int:
        return int(ratio.scaleb(9))

    for_an_hour = ratios.cache_creation_1h_ratio
    cached = units.cached + units.cache_creation + units.cache_creation_1h
    apart = cached if units.prompt_includes_cached else 0
    base = max(0, units.prompt - apart - units.image - units.audio)
    weighted = (
        base * 10**9
        + units.cached * whole(ratios.cache_ratio)
        + units.cache_creation * whole(ratios.cache_creation_ratio)
        + units.cache_creation_1h
        * whole(ratios.cache_creation_ratio if for_an_hour is None else for_an_hour)
        + units.image * whole(ratios.image_ratio)
        + units.audio * whole(ratios.audio_ratio)
        + units.completion * whole(ratios.completion_ratio)
    )
    exact = weighted * whole(ratios.model_ratio) * whole(group_ratio)
    rounded = (2 * exact + 10**27) // (2 * 10**27)
    expected = 0 if exact == 0 else min(max(1, rounded), MAX_QUOTA_UNITS)
    assert rate(units, ratios, group_ratio) == expected

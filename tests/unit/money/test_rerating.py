"""Rated again with the prices it was rated with, a request costs what it cost."""

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given

from shared.money.price_ratios import PriceRatios
from shared.money.rating import UnitCounts, rate
from shared.money.rerating import Choice, GroupChoice, Rateable, Rerater, group_of, price_of
from tests.unit.money.prices import PRICES, UNITS

RATING = {
    "price_version": 3,
    "model_ratio": "1.5",
    "completion_ratio": "4",
    "cache_ratio": "0.1",
    "cache_creation_ratio": "1.25",
    "image_ratio": "1",
    "audio_ratio": "1",
    "group_ratio": "0.5",
}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "cached_tokens": 200}


def request(**changes: Any) -> Rateable:
    values: dict[str, Any] = {
        "model": "m",
        "group": "g",
        "user_group": "vip",
        "usage_source": "provider",
        "usage": USAGE,
        "rating": orjson.dumps(RATING),
    }
    return Rateable(**(values | changes))


def again(choice: Choice, **changes: Any) -> int | None:
    return Rerater(choice).units(request(**changes))


def test_a_model_that_is_not_named_keeps_its_own_price() -> None:
    # (800 + 200 * 0.1 + 100 * 4) * 1.5 * 0.5 = 915
    assert again(Choice({})) == 915
    assert again(Choice({"other": price_of({"model_ratio": 9})})) == 915


def test_another_price_in_the_same_group() -> None:
    # (1000 - 200 + 200 + 100) * 2 * 0.5 = 1100
    assert again(Choice({"m": price_of({"model_ratio": "2"})})) == 1100


def test_another_ratio_of_the_group_and_of_its_users_own_group() -> None:
    groups = {"g": GroupChoice(Decimal(1), {"vip": Decimal("0.25")})}
    assert again(Choice({}, groups), user_group="") == 1830
    assert again(Choice({}, groups)) == 458  # 457.5
    assert group_of("0.5").of("vip") == Decimal("0.5")
    assert group_of({"ratio": 2, "user_group_ratios": {"vip": "0.3"}}).of("vip") == Decimal("0.3")


def test_a_tier_by_the_length_of_the_input_inherits_what_it_leaves_out() -> None:
    price = price_of(
        {
            "model_ratio": 1,
            "completion_ratio": 2,
            "tiers": [{"above_prompt_tokens": 999, "model_ratio": "3", "completion_ratio": None}],
        }
    )
    # (1000 + 100 * 2) * 3 * 0.5; cached tokens weigh as plain ones
    assert again(Choice({"m": price})) == 1800


def test_the_tier_of_service_costs_what_the_other_price_says() -> None:
    rating = orjson.dumps(RATING | {"service_tier": "priority", "service_tier_ratio": "2"})
    assert again(Choice({}), rating=rating) == 1830
    price = price_of({"model_ratio": 2, "service_tiers": {"priority": "1.5"}})
    assert again(Choice({"m": price}), rating=rating) == 1650


def test_the_tier_that_an_answer_named_counts_also_where_it_had_no_price_yet() -> None:
    price = price_of({"model_ratio": 2, "service_tiers": {"priority": "1.5", "flex": "0.5"}})
    served = USAGE | {"service_tier": "priority"}
    assert again(Choice({"m": price}), usage=served) == 1650
    # What was asked for does not count where the answer named another.
    asked = orjson.dumps(RATING | {"service_tier": "flex", "service_tier_ratio": "0.5"})
    assert again(Choice({"m": price}), usage=served, rating=asked) == 1650
    assert again(Choice({"m": price}), rating=asked) == 550


@pytest.mark.parametrize("rating", [b"", b"null", b"{}", b"[]"])
def test_what_says_nothing_of_its_ratios_is_not_rated(rating: bytes) -> None:
    assert again(Choice({"m": price_of({"model_ratio": 1})}), rating=rating) is None


def test_what_was_free_whatever_it_used_stays_free() -> None:
    assert again(Choice({"m": price_of({"model_ratio": 9})}), usage_source="none") == 0


def told(price: PriceRatios) -> dict[str, Any]:
    """As JSON has it: numbers as strings."""
    return {
        name: json.loads(json.dumps(value, default=str)) if name != "tiers" else None
        for name, value in asdict(price).items()
    } | {"tiers": [json.loads(json.dumps(asdict(tier), default=str)) for tier in price.tiers]}


def used(units: UnitCounts) -> dict[str, Any]:
    """As `Usage` tells it."""
    return {
        "prompt_tokens": units.prompt,
        "completion_tokens": units.completion,
        "cached_tokens": units.cached,
        "cache_creation_tokens": units.cache_creation + units.cache_creation_1h,
        "cache_creation_1h_tokens": units.cache_creation_1h,
        "image_tokens": units.image,
        "audio_tokens": units.audio,
        "prompt_includes_cached": units.prompt_includes_cached,
        "output_audio_tokens": units.output_audio,
        "output_image_tokens": units.output_image,
        "tool_calls": dict(units.tools),
    }


@given(PRICES, UNITS)
def test_any_price_that_is_told_rates_as_the_formula_says(
    price: PriceRatios, units: UnitCounts
) -> None:
    found = again(Choice({"m": price_of(told(price))}), usage=used(units))
    assert found == rate(units, price, Decimal("0.5"))

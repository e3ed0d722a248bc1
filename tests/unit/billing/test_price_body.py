"""What a price may say, and what of it is refused."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from services.billing.prices.price_body import PriceBody
from shared.money.price_of_event import ratios_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def tier(above: int, **ratios: Any) -> dict[str, Any]:
    return {"above_prompt_tokens": above, "model_ratio": 2} | ratios


@pytest.mark.parametrize(
    "wrong",
    [
        {"tiers": [tier(200), tier(100)]},
        {"tiers": [tier(200), tier(200)]},
        {"tiers": [tier(n) for n in range(9)]},
        {"tiers": [{"above_prompt_tokens": 1}]},
        {"service_tiers": {"": 1}},
        {"service_tiers": {"a b": 1}},
        {"tool_prices": {"web_search": -1}},
        {"tool_prices": {f"tool{n}": 1 for n in range(17)}},
        {"second_prices": {"1280x720": "0.0000000001"}},
        {"second_prices": {f"{n}x{n}": 1 for n in range(33)}},
        {"output_audio_ratio": "NaN"},
        {"max_input_tokens": -1},
    ],
)
def test_what_no_price_can_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PriceBody(model_ratio=Decimal(1), **wrong)


def test_what_a_tier_leaves_out_is_as_the_prices_own() -> None:
    body = PriceBody.model_validate(
        {
            "model_ratio": 1,
            "completion_ratio": 4,
            "cache_ratio": "0.1",
            "cache_creation_1h_ratio": 2,
            "tiers": [tier(10), tier(20, completion_ratio=3, cache_creation_1h_ratio="2.5")],
        }
    )

    shorter, longer = body.as_price(NOW).tiers

    assert (shorter.completion_ratio, shorter.cache_creation_1h_ratio) == (Decimal(4), Decimal(2))
    assert (longer.completion_ratio, longer.cache_creation_1h_ratio) == (Decimal(3), Decimal("2.5"))
    assert shorter.cache_ratio == longer.cache_ratio == Decimal("0.1")
    assert shorter.cache_creation_ratio == 1


def test_the_formula_gets_all_that_a_price_says() -> None:
    """A figure that is in the book and not in the formula's price would be for nothing."""
    price = PriceBody.model_validate(
        {
            "model_ratio": "1.1",
            "completion_ratio": "1.2",
            "cache_ratio": "1.3",
            "cache_creation_ratio": "1.4",
            "cache_creation_1h_ratio": "1.5",
            "image_ratio": "1.6",
            "audio_ratio": "1.7",
            "model_price": "1.8",
            "output_audio_ratio": "1.9",
            "output_image_ratio": "2.1",
            "tiers": [tier(7, completion_ratio="2.2")],
            "service_tiers": {"priority": "2.3"},
            "tool_prices": {"web_search": "2.4"},
            "second_prices": {"any": "2.5"},
        }
    ).as_price(NOW)

    ratios = ratios_of(price)

    for name in type(ratios).__slots__:
        told, expected = getattr(ratios, name), getattr(price, name)
        if name != "tiers":
            assert told == expected, name
    (longer,), (expected_tier,) = ratios.tiers, price.tiers
    for name in type(longer).__slots__:
        assert getattr(longer, name) == getattr(expected_tier, name), name

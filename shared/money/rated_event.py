"""What an event's `usage` and `rating` say, as the formula takes them. Pure.

Both are read as JSON has them, from an event, a ledger entry or a log row; what an older one does
not have is as it was then.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from shared.money.price_ratios import PriceRatios
from shared.money.rating import UnitCounts


class RatedWith(NamedTuple):
    """The figures that a request was rated with; a tier's ratios stand in the price's place."""

    price: PriceRatios
    group_ratio: Decimal
    service_tier: str
    service_tier_ratio: Decimal


def counts_of_usage(usage: Mapping[str, Any]) -> UnitCounts:
    """What was used, by the kinds that have a price of their own."""
    created = usage.get("cache_creation_tokens", 0)
    for_an_hour = min(created, usage.get("cache_creation_1h_tokens", 0))
    return UnitCounts(
        prompt=usage.get("prompt_tokens", 0),
        completion=usage.get("completion_tokens", 0),
        cached=usage.get("cached_tokens", 0),
        cache_creation=created - for_an_hour,
        cache_creation_1h=for_an_hour,
        image=usage.get("image_tokens", 0),
        audio=usage.get("audio_tokens", 0),
        prompt_includes_cached=usage.get("prompt_includes_cached", True),
        output_audio=usage.get("output_audio_tokens", 0),
        output_image=usage.get("output_image_tokens", 0),
        tools=tuple(usage.get("tool_calls", {}).items()),
    )


def rated_with(rating: Mapping[str, Any]) -> RatedWith:
    """The ratios. Raises KeyError where there is no `model_ratio`: it was not rated."""
    price = PriceRatios(
        model_ratio=_decimal(rating["model_ratio"]),
        completion_ratio=_decimal(rating.get("completion_ratio", 1)),
        cache_ratio=_decimal(rating.get("cache_ratio", 1)),
        cache_creation_ratio=_decimal(rating.get("cache_creation_ratio", 1)),
        cache_creation_1h_ratio=_optional(rating.get("cache_creation_1h_ratio")),
        image_ratio=_decimal(rating.get("image_ratio", 1)),
        audio_ratio=_decimal(rating.get("audio_ratio", 1)),
        model_price=_optional(rating.get("model_price")),
        output_audio_ratio=_optional(rating.get("output_audio_ratio")),
        output_image_ratio=_optional(rating.get("output_image_ratio")),
        tool_prices={
            tool: _decimal(dollars) for tool, dollars in rating.get("tool_prices", {}).items()
        },
    )
    return RatedWith(
        price=price,
        group_ratio=_decimal(rating.get("group_ratio", 1)),
        service_tier=rating.get("service_tier", ""),
        service_tier_ratio=_decimal(rating.get("service_tier_ratio", 1)),
    )


def _optional(value: Decimal | float | str | None) -> Decimal | None:
    return None if value is None else _decimal(value)


def _decimal(value: Decimal | float | str) -> Decimal:
    """The number as it is shown: a float's shortest text is what was written into it."""
    return Decimal(str(value))

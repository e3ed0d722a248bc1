"""A version of the price book, as the formula takes it. Pure."""

from shared.events.prices import ModelPrice
from shared.money.price_ratios import PriceRatios, TierRatios


def ratios_of(price: ModelPrice) -> PriceRatios:
    """All that decides what a request costs."""
    return PriceRatios(
        model_ratio=price.model_ratio,
        completion_ratio=price.completion_ratio,
        cache_ratio=price.cache_ratio,
        cache_creation_ratio=price.cache_creation_ratio,
        cache_creation_1h_ratio=price.cache_creation_1h_ratio,
        image_ratio=price.image_ratio,
        audio_ratio=price.audio_ratio,
        model_price=price.model_price,
        output_audio_ratio=price.output_audio_ratio,
        output_image_ratio=price.output_image_ratio,
        tiers=tuple(
            TierRatios(
                above_prompt_tokens=tier.above_prompt_tokens,
                model_ratio=tier.model_ratio,
                completion_ratio=tier.completion_ratio,
                cache_ratio=tier.cache_ratio,
                cache_creation_ratio=tier.cache_creation_ratio,
                cache_creation_1h_ratio=tier.cache_creation_1h_ratio,
            )
            for tier in price.tiers
        ),
        service_tiers=price.service_tiers,
        tool_prices=price.tool_prices,
        second_prices=price.second_prices,
    )

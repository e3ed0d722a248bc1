"""Which ratios hold for an input of some length. Pure.

A tier is a threshold, not a step of a staircase: the whole request is rated with the ratios of the
longest tier that its input exceeds, as the providers do.
"""

from dataclasses import replace

from shared.money.price_ratios import PriceRatios, TierRatios


def tier_for(price: PriceRatios, total_prompt: int) -> TierRatios | None:
    """The tier that an input of so many tokens is in; None: the price's own ratios hold."""
    found = None
    for tier in price.tiers:
        if total_prompt <= tier.above_prompt_tokens:
            break
        found = tier
    return found


def ratios_for(price: PriceRatios, total_prompt: int) -> PriceRatios:
    """The price with the ratios that hold for an input of so many tokens, and no tiers."""
    if not price.tiers:
        return price
    tier = tier_for(price, total_prompt)
    return replace(price, tiers=()) if tier is None else in_tier(price, tier)


def in_tier(price: PriceRatios, tier: TierRatios) -> PriceRatios:
    """The price as it is in one of its tiers; what a tier does not name stays."""
    return replace(
        price,
        tiers=(),
        model_ratio=tier.model_ratio,
        completion_ratio=tier.completion_ratio,
        cache_ratio=tier.cache_ratio,
        cache_creation_ratio=tier.cache_creation_ratio,
        cache_creation_1h_ratio=tier.cache_creation_1h_ratio,
    )


def within_reach(price: PriceRatios, prompt_tokens: int) -> list[PriceRatios]:
    """All that may hold for an input of at most so many tokens."""
    own = ratios_for(price, 0)
    reached = (tier for tier in price.tiers if tier.above_prompt_tokens < prompt_tokens)
    return [own, *(in_tier(price, tier) for tier in reached)]

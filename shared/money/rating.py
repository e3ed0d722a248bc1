"""What a request costs. Pure: values in, values out.

The formula is that of `docs/rating.md`. All arithmetic is exact, rounded half up once, at the end.
"""

from decimal import Decimal
from typing import NamedTuple

from shared.money.context_tiers import ratios_for
from shared.money.exact import EXACT, ONE, ZERO, product, sum_products, to_units
from shared.money.price_ratios import PriceRatios
from shared.money.quota import QUOTA_PER_UNIT
from shared.money.tools_price import tools_cost


class UnitCounts(NamedTuple):
    """What a request used, by the kinds that have a price of their own; tokens, but for tools."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_creation: int = 0
    """Written to the cache for five minutes."""
    cache_creation_1h: int = 0
    """Written to the cache for an hour."""
    image: int = 0
    audio: int = 0
    prompt_includes_cached: bool = True
    """OpenAI counts cached tokens into the prompt; Anthropic leaves them out."""
    output_audio: int = 0
    """The part of the completion that is audio."""
    output_image: int = 0
    """The part of the completion that is images."""
    tools: tuple[tuple[str, int], ...] = ()
    """How often each of the provider's own tools was called."""

    @property
    def total_prompt(self) -> int:
        """All of the input: what context tiers go by."""
        if self.prompt_includes_cached:
            return self.prompt
        return self.prompt + self.cached + self.cache_creation + self.cache_creation_1h


def rate(
    units: UnitCounts, price: PriceRatios, group_ratio: Decimal, service_tier_ratio: Decimal = ONE
) -> int:
    """The charge in quota units, at most MAX_QUOTA_UNITS.

    A ratio above zero and a positive count never rate to 0: the least is 1. No tokens rate to 0;
    a call priced per call costs its price whatever it used.
    """
    return to_units(exact_cost(units, price, group_ratio, service_tier_ratio))


def exact_cost(
    units: UnitCounts, price: PriceRatios, group_ratio: Decimal, service_tier_ratio: Decimal = ONE
) -> Decimal:
    """The charge before it is rounded. A tier of service changes what tokens cost, nothing else."""
    if price.model_price is None:
        ratios = ratios_for(price, units.total_prompt)
        cost = product(_weight(units, ratios), ratios.model_ratio, service_tier_ratio)
    else:
        cost = product(price.model_price, QUOTA_PER_UNIT)
    if units.tools:
        cost = EXACT.add(cost, tools_cost(units.tools, price.tool_prices))
    return product(cost, group_ratio)


def base_tokens(units: UnitCounts) -> int:
    """The prompt without what is priced apart, never below 0."""
    cached = units.cached + units.cache_creation + units.cache_creation_1h
    cached_in_prompt = cached if units.prompt_includes_cached else 0
    return max(0, units.prompt - cached_in_prompt - units.image - units.audio)


def output_kinds(units: UnitCounts, price: PriceRatios) -> tuple[int, int, int]:
    """Plain output, audio and images; a kind without a ratio of its own is plain output."""
    audio = units.output_audio if price.output_audio_ratio is not None else 0
    image = units.output_image if price.output_image_ratio is not None else 0
    return max(0, units.completion - audio - image), audio, image


def _weight(units: UnitCounts, ratios: PriceRatios) -> Decimal:
    plain_output, output_audio, output_image = output_kinds(units, ratios)
    return sum_products(
        (
            (base_tokens(units), ONE),
            (units.cached, ratios.cache_ratio),
            (units.cache_creation, ratios.cache_creation_ratio),
            (units.cache_creation_1h, ratios.hour_ratio),
            (units.image, ratios.image_ratio),
            (units.audio, ratios.audio_ratio),
            (plain_output, ratios.completion_ratio),
            (output_audio, ratios.output_audio_ratio or ZERO),
            (output_image, ratios.output_image_ratio or ZERO),
        )
    )

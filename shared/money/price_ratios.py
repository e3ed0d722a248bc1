"""What one version of a model's price says. Pure values; `rating.py` has the formula."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from shared.money.exact import ONE


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRatios:
    """What holds in place of a price's own ratios where the whole input is longer."""

    above_prompt_tokens: int
    model_ratio: Decimal
    completion_ratio: Decimal = ONE
    cache_ratio: Decimal = ONE
    cache_creation_ratio: Decimal = ONE
    cache_creation_1h_ratio: Decimal | None = None
    """Null: as `cache_creation_ratio`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRatios:
    """One version of a model's price."""

    model_ratio: Decimal
    completion_ratio: Decimal = ONE
    cache_ratio: Decimal = ONE
    cache_creation_ratio: Decimal = ONE
    cache_creation_1h_ratio: Decimal | None = None
    """Null: as `cache_creation_ratio`."""
    image_ratio: Decimal = ONE
    audio_ratio: Decimal = ONE
    model_price: Decimal | None = None
    """Dollars a call. Where it is set, the token ratios are unused."""
    output_audio_ratio: Decimal | None = None
    """Of output audio, relative to plain input. Null: it is priced as the completion it is."""
    output_image_ratio: Decimal | None = None
    """Of output images, likewise."""
    tiers: tuple[TierRatios, ...] = ()
    """Shortest first."""
    service_tiers: Mapping[str, Decimal] = field(default_factory=dict)
    """What the tokens' cost is multiplied by, by the tier of service; a tier not named: 1."""
    tool_prices: Mapping[str, Decimal] = field(default_factory=dict)
    """Dollars for 1,000 calls; a tool not named costs nothing."""
    second_prices: Mapping[str, Decimal] = field(default_factory=dict)
    """Dollars a second, by size; `any`: all others."""

    @property
    def dearest_input_ratio(self) -> Decimal:
        """The most that one input token can weigh; at least 1, the plain token's own weight."""
        return max(
            ONE,
            self.cache_ratio,
            self.cache_creation_ratio,
            self.hour_ratio,
            self.image_ratio,
            self.audio_ratio,
        )

    @property
    def dearest_output_ratio(self) -> Decimal:
        """The most that one output token can weigh."""
        ratios = (self.completion_ratio, self.output_audio_ratio, self.output_image_ratio)
        return max(ratio for ratio in ratios if ratio is not None)

    @property
    def hour_ratio(self) -> Decimal:
        """What a token weighs that is written to the cache for an hour."""
        if self.cache_creation_1h_ratio is None:
            return self.cache_creation_ratio
        return self.cache_creation_1h_ratio

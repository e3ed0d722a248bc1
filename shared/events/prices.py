"""`billing.prices`: what models cost, the ratios of groups, and from when each holds."""

from pydantic import Field

from shared.events.event import Event
from shared.events.numbers import Count, Ratio, Time, Tokens
from shared.events.text import Code, ModelName, Name


class ContextTier(Event):
    """What holds for a whole request whose input is longer than so many tokens."""

    TYPE = "ledgerline.context-tier.v1"

    above_prompt_tokens: Tokens
    model_ratio: Ratio
    completion_ratio: Ratio
    cache_ratio: Ratio
    cache_creation_ratio: Ratio
    cache_creation_1h_ratio: Ratio | None = None
    """Null: as `cache_creation_ratio`."""


class ModelPrice(Event):
    """One version of one model's price. Ratios are relative; see `shared/money/rating.py`."""

    TYPE = "ledgerline.model-price.v1"

    version: Count
    """Of the price book: grows with every change of any price."""
    effective_from: Time
    model_ratio: Ratio
    completion_ratio: Ratio
    cache_ratio: Ratio
    cache_creation_ratio: Ratio
    """Of input that is written to the cache for five minutes."""
    cache_creation_1h_ratio: Ratio | None = None
    """Of input that is written to it for an hour; null: as `cache_creation_ratio`."""
    image_ratio: Ratio
    audio_ratio: Ratio
    model_price: Ratio | None = None
    """Dollars a call; the token ratios are then unused."""
    max_output_tokens: Tokens | None = None
    """What a hold reckons with when the request names no maximum; null: the model's own."""
    output_audio_ratio: Ratio | None = None
    """Of output audio, relative to plain input; null: as `completion_ratio`."""
    output_image_ratio: Ratio | None = None
    """Of output images, likewise."""
    tiers: tuple[ContextTier, ...] = Field(default=(), max_length=8)
    """By the length of the input, shortest first. The last one that is exceeded holds."""
    service_tiers: dict[Code, Ratio] = Field(default_factory=dict, max_length=8)
    """What the tokens' cost is multiplied by, by the tier of service; a tier not named: 1."""
    tool_prices: dict[Code, Ratio] = Field(default_factory=dict, max_length=16)
    """Dollars for 1,000 calls, by the provider's tool; one not named costs nothing."""
    second_prices: dict[Code, Ratio] = Field(default_factory=dict, max_length=32)
    """Dollars a second, by size such as `1280x720`; `any` is for all others."""
    max_input_tokens: Tokens | None = None
    """The model's context: held for a search that the provider runs; null: none is offered."""


class PriceChanged(Event):
    """The current and the coming prices of one model, oldest first. Key `model:<name>`."""

    TYPE = "ledgerline.price.changed.v1"

    model: ModelName
    versions: tuple[ModelPrice, ...] = Field(max_length=50)
    """Empty: the model has no price, and is refused."""


class GroupRatio(Event):
    """One version of one group's ratio."""

    TYPE = "ledgerline.group-ratio.v1"

    version: Count
    effective_from: Time
    ratio: Ratio
    user_group_ratios: dict[Name, Ratio] = Field(default_factory=dict, max_length=100)
    """By the user's own group, where it differs from `ratio`."""


class GroupRatioChanged(Event):
    """The current and the coming ratios of one group, oldest first. Key `group:<name>`."""

    TYPE = "ledgerline.group-ratio.changed.v1"

    group: Name
    versions: tuple[GroupRatio, ...] = Field(max_length=50)

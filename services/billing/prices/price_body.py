"""A model's price as a call or a file has it, and what of it makes no sense. Pure."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from shared.events.numbers import Ratio, Time, Tokens
from shared.events.prices import ContextTier, ModelPrice
from shared.events.text import ModelName

_ONE: Final = Decimal(1)
_OF_PRICE: Final = (
    *("completion_ratio", "cache_ratio", "cache_creation_ratio", "cache_creation_1h_ratio"),
)
_FIRST: Final = datetime(1970, 1, 2, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 30, tzinfo=UTC)
_NO_SEGMENTS: Final = frozenset({"", ".", ".."})


def in_reach(at: datetime) -> datetime:
    """A time that the database can keep, wherever its clock is. Raises ValueError."""
    if not _FIRST <= at <= _LAST:
        raise ValueError("it must lie between the years 1970 and 9999")
    return at


def can_be_called(model: str) -> str:
    """The name of a model that `/api/prices/{model}` can name as well. Raises ValueError."""
    segments = model.split("/")
    is_anothers = segments[0] == "drafts" or (segments[0] == "groups" and len(segments) > 1)
    if is_anothers or not model.isprintable() or _NO_SEGMENTS & set(segments):
        raise ValueError("no model can be called so")
    return model


EffectiveFrom = Annotated[Time, AfterValidator(in_reach)]
PricedModel = Annotated[ModelName, Field(min_length=1), AfterValidator(can_be_called)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class TierBody(_Told):
    """What holds for inputs that are longer; a ratio that is left out is as the price's own."""

    above_prompt_tokens: Tokens
    model_ratio: Ratio
    completion_ratio: Ratio | None = None
    cache_ratio: Ratio | None = None
    cache_creation_ratio: Ratio | None = None
    cache_creation_1h_ratio: Ratio | None = None


class PriceFields(_Told):
    """What a version of a model's price says."""

    model_ratio: Ratio
    completion_ratio: Ratio = _ONE
    cache_ratio: Ratio = _ONE
    cache_creation_ratio: Ratio = _ONE
    cache_creation_1h_ratio: Ratio | None = None
    image_ratio: Ratio = _ONE
    audio_ratio: Ratio = _ONE
    model_price: Ratio | None = None
    max_output_tokens: Tokens | None = None
    output_audio_ratio: Ratio | None = None
    output_image_ratio: Ratio | None = None
    tiers: Annotated[tuple[TierBody, ...], Field(max_length=8)] = ()
    service_tiers: Annotated[dict[Word, Ratio], Field(max_length=8)] = Field(default_factory=dict)
    tool_prices: Annotated[dict[Word, Ratio], Field(max_length=16)] = Field(default_factory=dict)
    second_prices: Annotated[dict[Word, Ratio], Field(max_length=32)] = Field(default_factory=dict)
    max_input_tokens: Tokens | None = None

    @model_validator(mode="after")
    def _tiers_ascend(self) -> Self:
        for shorter, longer in pairwise(self.tiers):
            if longer.above_prompt_tokens <= shorter.above_prompt_tokens:
                raise ValueError("tiers must be in order of above_prompt_tokens, each once")
        return self

    def as_price(self, effective_from: datetime) -> ModelPrice:
        """The version that this asks for; its number is 0 until the book gives one."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in PriceFields.model_fields}
        fields["tiers"] = tuple(self._whole(tier) for tier in self.tiers)
        return ModelPrice(version=0, effective_from=effective_from, **fields)

    def _whole(self, tier: TierBody) -> ContextTier:
        left_out = {name: getattr(self, name) for name in _OF_PRICE if getattr(tier, name) is None}
        return ContextTier(**(tier.model_dump() | left_out))


class PriceBody(PriceFields):
    """A version of a model's price, and from when it holds: null is from now on."""

    effective_from: EffectiveFrom | None = None

"""What a request costs, and what it can cost at the most. Pure: values in, values out.

The formula is that of `docs/rating.md`. All arithmetic is exact (`Decimal`
with enough digits), rounded half up once, at the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final, NamedTuple

from shared.money.quota import MAX_QUOTA_UNITS, QUOTA_PER_UNIT

_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)
_HALF: Final = Decimal("0.5")
# Tokens have 10 digits, each ratio at most 18: three factors and a sum of seven stay exact.
_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_UP)


class UnitCounts(NamedTuple):
    """Tokens of one request by the kinds that have a price of their own."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRatios:
    """One version of a model's price."""

    model_ratio: Decimal
    completion_ratio: Decimal = _ONE
    cache_ratio: Decimal = _ONE
    cache_creation_ratio: Decimal = _ONE
    cache_creation_1h_ratio: Decimal | None = None
    """Null: as `cache_creation_ratio`."""
    image_ratio: Decimal = _ONE
    audio_ratio: Decimal = _ONE
    model_price: Decimal | None = None
    """Dollars a call. Where it is set, the token ratios are unused."""

    @property
    def dearest_input_ratio(self) -> Decimal:
        """The most that one input token can weigh; at least 1, the plain token's own weight."""
        return max(
            _ONE,
            self.cache_ratio,
            self.cache_creation_ratio,
            self.hour_ratio,
            self.image_ratio,
            self.audio_ratio,
        )

    @property
    def hour_ratio(self) -> Decimal:
        """What a token weighs that is written to the cache for an hour."""
        if self.cache_creation_1h_ratio is None:
            return self.cache_creation_ratio
        return self.cache_creation_1h_ratio


def rate(units: UnitCounts, price: PriceRatios, group_ratio: Decimal) -> int:
    """The charge in quota units, at most MAX_QUOTA_UNITS.

    `base` is the prompt without what is priced apart, never below 0. A ratio above zero and a
    positive count never rate to 0: the least is 1. No tokens rate to 0; a call priced per call
    costs its price whatever it used.
    """
    if price.model_price is not None:
        return _rounded(
            _EXACT.multiply(
                _EXACT.multiply(price.model_price, Decimal(QUOTA_PER_UNIT)), group_ratio
            ),
            is_used=True,
        )
    cached = units.cached + units.cache_creation + units.cache_creation_1h
    cached_in_prompt = cached if units.prompt_includes_cached else 0
    base = max(0, units.prompt - cached_in_prompt - units.image - units.audio)
    weighted = _sum_products(
        (
            (base, _ONE),
            (units.cached, price.cache_ratio),
            (units.cache_creation, price.cache_creation_ratio),
            (units.cache_creation_1h, price.hour_ratio),
            (units.image, price.image_ratio),
            (units.audio, price.audio_ratio),
            (units.completion, price.completion_ratio),
        )
    )
    exact = _EXACT.multiply(_EXACT.multiply(weighted, price.model_ratio), group_ratio)
    return _rounded(exact, is_used=weighted > 0)


def upper_bound(
    *,
    prompt_tokens: int,
    output_tokens: int,
    answers: int,
    price: PriceRatios,
    dearest_group_ratio: Decimal,
) -> int:
    """What a request can cost at the most, in quota units: the hold.

    `prompt_tokens` bounds the input (bytes without inline media, and each medium's maximum),
    `output_tokens` one answer, `answers` = prompts · max(n, best_of).
    """
    if price.model_price is not None:
        return rate(UnitCounts(), price, dearest_group_ratio)
    weighted = _sum_products(
        (
            (prompt_tokens, price.dearest_input_ratio),
            (answers * output_tokens, price.completion_ratio),
        )
    )
    exact = _EXACT.multiply(_EXACT.multiply(weighted, price.model_ratio), dearest_group_ratio)
    return _rounded(exact, is_used=weighted > 0)


def affordable_output_tokens(
    *,
    available_units: int,
    prompt_tokens: int,
    answers: int,
    price: PriceRatios,
    dearest_group_ratio: Decimal,
) -> int:
    """The largest `max_tokens` whose hold `available_units` covers; 0 where none does."""
    per_token = _EXACT.multiply(
        _EXACT.multiply(price.completion_ratio, price.model_ratio), dearest_group_ratio
    )
    per_answer = _EXACT.multiply(per_token, Decimal(max(1, answers)))
    if price.model_price is not None or per_answer <= 0 or available_units < 1:
        return 0
    prompt = _EXACT.multiply(
        _EXACT.multiply(
            _EXACT.multiply(Decimal(prompt_tokens), price.dearest_input_ratio), price.model_ratio
        ),
        dearest_group_ratio,
    )
    # A hold is rounded half up: what lies below the next half is still covered, the half is not.
    left = _EXACT.subtract(Decimal(available_units) + _HALF, prompt)
    tokens, rest = _EXACT.divmod(left, per_answer)
    return max(0, int(tokens) - (1 if rest == 0 else 0))


def _sum_products(terms: Iterable[tuple[int, Decimal]]) -> Decimal:
    total = _ZERO
    for count, ratio in terms:
        if count:
            total = _EXACT.add(total, _EXACT.multiply(Decimal(count), ratio))
    return total


def _rounded(exact: Decimal, *, is_used: bool) -> int:
    if exact <= 0 or not is_used:
        return 0
    whole = int(exact.to_integral_value(ROUND_HALF_UP, _EXACT))
    return min(max(1, whole), MAX_QUOTA_UNITS)

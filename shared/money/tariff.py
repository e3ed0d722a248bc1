"""A price and a group's ratio made into whole numbers, to rate many requests with. Pure.

The formula is that of `rating.py`, exactly, without its decimals: each kind's weight is brought to
one denominator once, so that a charge is a sum of products of integers and one division.
"""

from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Final

from shared.money.quota import MAX_QUOTA_UNITS
from shared.money.rating import PriceRatios, UnitCounts, rate

_NOTHING: Final = UnitCounts()


class Tariff:
    """What requests cost at one price in one group."""

    __slots__ = (
        "_audio",
        "_cache_creation",
        "_cache_creation_1h",
        "_cached",
        "_completion",
        "_dearest_input",
        "_denominator",
        "_image",
        "_per_call",
        "_plain",
    )

    def __init__(self, price: PriceRatios, group_ratio: Decimal) -> None:
        factor = Fraction(price.model_ratio) * Fraction(group_ratio)
        weights = [
            Fraction(ratio) * factor
            for ratio in (
                Decimal(1),
                price.cache_ratio,
                price.cache_creation_ratio,
                price.hour_ratio,
                price.image_ratio,
                price.audio_ratio,
                price.completion_ratio,
                price.dearest_input_ratio,
            )
        ]
        self._denominator = lcm(*(weight.denominator for weight in weights))
        (
            self._plain,
            self._cached,
            self._cache_creation,
            self._cache_creation_1h,
            self._image,
            self._audio,
            self._completion,
            self._dearest_input,
        ) = (int(weight * self._denominator) for weight in weights)
        is_per_call = price.model_price is not None
        self._per_call = rate(_NOTHING, price, group_ratio) if is_per_call else None

    def charge(self, units: UnitCounts) -> int:
        """The charge in quota units: `rating.rate`."""
        if self._per_call is not None:
            return self._per_call
        prompt, completion, cached, creation, creation_1h, image, audio, includes_cached = units
        plain = prompt - image - audio
        if includes_cached:
            plain -= cached + creation + creation_1h
        return self._rounded(
            (plain * self._plain if plain > 0 else 0)
            + completion * self._completion
            + cached * self._cached
            + creation * self._cache_creation
            + creation_1h * self._cache_creation_1h
            + image * self._image
            + audio * self._audio
        )

    def bound(self, *, prompt_tokens: int, output_tokens: int, answers: int) -> int:
        """The most that a request can cost: `rating.upper_bound`."""
        if self._per_call is not None:
            return self._per_call
        return self._rounded(
            prompt_tokens * self._dearest_input + answers * output_tokens * self._completion
        )

    def _rounded(self, weighted: int) -> int:
        if weighted <= 0:
            return 0
        units = (2 * weighted + self._denominator) // (2 * self._denominator)
        return min(max(1, units), MAX_QUOTA_UNITS)

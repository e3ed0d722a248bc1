"""A price and a group's ratio made into whole numbers, to rate many requests with. Pure.

The formula is that of `rating.py`, exactly, without its decimals: each kind's weight is brought to
one denominator once, so that a charge is a sum of products of integers and one division.
"""

from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Final

from shared.money.context_tiers import in_tier, ratios_for
from shared.money.price_ratios import PriceRatios
from shared.money.quota import MAX_QUOTA_UNITS, QUOTA_PER_UNIT
from shared.money.rating import UnitCounts
from shared.money.tools_price import UNITS_PER_CALL

_ONE: Final = Decimal(1)


class Tariff:
    """What requests cost at one price in one group, in one tier of service."""

    __slots__ = (
        "_audio",
        "_cache_creation",
        "_cache_creation_1h",
        "_cached",
        "_completion",
        "_dearest_input",
        "_dearest_output",
        "_denominator",
        "_has_output_audio",
        "_has_output_image",
        "_image",
        "_is_plain",
        "_longer",
        "_output_audio",
        "_output_image",
        "_per_call",
        "_plain",
        "_tools",
        "_twice_denominator",
    )

    def __init__(
        self, price: PriceRatios, group_ratio: Decimal, service_tier_ratio: Decimal = _ONE
    ) -> None:
        own = ratios_for(price, 0)
        group = Fraction(group_ratio)
        factor = Fraction(own.model_ratio) * Fraction(service_tier_ratio) * group
        weights = [
            Fraction(ratio) * factor
            for ratio in (
                _ONE,
                own.cache_ratio,
                own.cache_creation_ratio,
                own.hour_ratio,
                own.image_ratio,
                own.audio_ratio,
                own.completion_ratio,
                own.completion_ratio if own.output_audio_ratio is None else own.output_audio_ratio,
                own.completion_ratio if own.output_image_ratio is None else own.output_image_ratio,
                own.dearest_input_ratio,
                own.dearest_output_ratio,
            )
        ]
        tools = {
            tool: Fraction(dollars) * UNITS_PER_CALL * group
            for tool, dollars in own.tool_prices.items()
        }
        per_call = Fraction(own.model_price or 0) * QUOTA_PER_UNIT * group
        self._denominator = lcm(
            per_call.denominator,
            *(weight.denominator for weight in weights),
            *(weight.denominator for weight in tools.values()),
        )
        self._twice_denominator = 2 * self._denominator
        (
            self._plain,
            self._cached,
            self._cache_creation,
            self._cache_creation_1h,
            self._image,
            self._audio,
            self._completion,
            self._output_audio,
            self._output_image,
            self._dearest_input,
            self._dearest_output,
        ) = (int(weight * self._denominator) for weight in weights)
        self._tools = {tool: int(weight * self._denominator) for tool, weight in tools.items()}
        self._per_call = None if own.model_price is None else int(per_call * self._denominator)
        self._has_output_audio = own.output_audio_ratio is not None
        self._has_output_image = own.output_image_ratio is not None
        # The longest first: the first one that is exceeded holds.
        self._longer: tuple[tuple[int, Tariff], ...] = tuple(
            (
                tier.above_prompt_tokens,
                Tariff(in_tier(price, tier), group_ratio, service_tier_ratio),
            )
            for tier in reversed(() if own.model_price is not None else price.tiers)
        )
        self._is_plain = not (
            own.model_price is not None
            or self._has_output_audio
            or self._has_output_image
            or self._tools
            or self._longer
        )

    def charge(self, units: UnitCounts) -> int:
        """The charge in quota units: `rating.rate`."""
        (
            prompt,
            completion,
            cached,
            creation,
            creation_1h,
            image,
            audio,
            includes_cached,
            _,
            _,
            _,
        ) = units
        plain = prompt - image - audio
        if includes_cached:
            plain -= cached + creation + creation_1h
        weighted = (
            (plain * self._plain if plain > 0 else 0)
            + completion * self._completion
            + cached * self._cached
            + creation * self._cache_creation
            + creation_1h * self._cache_creation_1h
            + image * self._image
            + audio * self._audio
        )
        if self._is_plain:
            return self._rounded(weighted)
        return self._charge_with_more(units, weighted)

    def bound(
        self,
        *,
        prompt_tokens: int,
        output_tokens: int,
        answers: int,
        tool_calls: tuple[tuple[str, int], ...] = (),
    ) -> int:
        """The most that a request can cost: `hold.upper_bound`."""
        weighted = (
            prompt_tokens * self._dearest_input + answers * output_tokens * self._dearest_output
        )
        if self._is_plain:
            return self._rounded(weighted)
        if self._per_call is not None:
            weighted = self._per_call
        units = self._rounded(weighted + self._tools_weight(tool_calls))
        for above, tariff in self._longer:
            if prompt_tokens > above:
                longer = tariff.bound(
                    prompt_tokens=prompt_tokens,
                    output_tokens=output_tokens,
                    answers=answers,
                    tool_calls=tool_calls,
                )
                units = max(units, longer)
        return units

    def _charge_with_more(self, units: UnitCounts, weighted: int) -> int:
        """The charge where the price is not plain; `weighted`: what it would be if it were."""
        total_prompt = units.total_prompt
        for above, tariff in self._longer:
            if total_prompt > above:
                return tariff.charge(units)
        if self._per_call is not None:
            weighted = self._per_call
        else:
            audio = units.output_audio if self._has_output_audio else 0
            image = units.output_image if self._has_output_image else 0
            plain = max(0, units.completion - audio - image)
            weighted += (
                (plain - units.completion) * self._completion
                + audio * self._output_audio
                + image * self._output_image
            )
        return self._rounded(weighted + self._tools_weight(units.tools))

    def _tools_weight(self, calls: tuple[tuple[str, int], ...]) -> int:
        return sum(count * self._tools.get(tool, 0) for tool, count in calls)

    def _rounded(self, weighted: int) -> int:
        if weighted <= 0:
            return 0
        units = (2 * weighted + self._denominator) // self._twice_denominator
        if 0 < units < MAX_QUOTA_UNITS:
            return units
        return max(1, min(units, MAX_QUOTA_UNITS))

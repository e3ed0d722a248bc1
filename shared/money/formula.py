"""How a charge was reckoned, written out with its numbers. Pure."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from shared.money.context_tiers import ratios_for
from shared.money.exact import ONE, to_units
from shared.money.price_ratios import PriceRatios
from shared.money.quota import QUOTA_PER_UNIT
from shared.money.rating import UnitCounts, base_tokens, exact_cost, output_kinds
from shared.money.tools_price import UNITS_PER_CALL

_ZERO: Final = Decimal(0)


def formula(
    units: UnitCounts,
    price: PriceRatios,
    group_ratio: Decimal,
    *,
    service_tier: str = "",
    service_tier_ratio: Decimal = ONE,
) -> str:
    """Such as `(600 + 400 cached × 0.5 + 500 completion × 4) × 0.075 × 1 = 210`.

    Where the sum is no whole number, `= 6.75, and so 7` says what it is rounded to. The last
    factor is the group's ratio; a tier of service has one of its own before it.
    """
    if price.model_price is None:
        cost = _tokens(units, ratios_for(price, units.total_prompt))
        if service_tier_ratio != ONE:
            cost += f" × {_text(service_tier_ratio)} {service_tier}".rstrip()
    else:
        cost = f"${_text(price.model_price)} × {QUOTA_PER_UNIT}"
    tools = "".join(_tools(units, price))
    if tools:
        cost = f"({cost}{tools})"
    exact = exact_cost(units, price, group_ratio, service_tier_ratio)
    charged = to_units(exact)
    rounded = "" if exact == charged else f", and so {charged}"
    return f"{cost} × {_text(group_ratio)} = {_text(exact)}{rounded}"


def _tokens(units: UnitCounts, ratios: PriceRatios) -> str:
    plain_output, output_audio, output_image = output_kinds(units, ratios)
    terms = [str(base_tokens(units))]
    terms += [
        f"{count} {kind} × {_text(ratio)}"
        for kind, count, ratio in (
            ("cached", units.cached, ratios.cache_ratio),
            ("written to the cache", units.cache_creation, ratios.cache_creation_ratio),
            ("written for an hour", units.cache_creation_1h, ratios.hour_ratio),
            ("of images", units.image, ratios.image_ratio),
            ("of audio", units.audio, ratios.audio_ratio),
            ("completion", plain_output, ratios.completion_ratio),
            ("completion in audio", output_audio, ratios.output_audio_ratio or _ZERO),
            ("completion in images", output_image, ratios.output_image_ratio or _ZERO),
        )
        if count
    ]
    return f"({' + '.join(terms)}) × {_text(ratios.model_ratio)}"


def _tools(units: UnitCounts, price: PriceRatios) -> Iterator[str]:
    """A thousand calls at $1 are 500,000 units: 500 a call."""
    for tool, count in units.tools:
        dollars = price.tool_prices.get(tool)
        if count and dollars:
            yield f" + {count} {tool} × ${_text(dollars)} × {UNITS_PER_CALL}"


def _text(number: Decimal) -> str:
    """Without trailing zeros, however many digits it has."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

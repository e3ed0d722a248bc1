"""What one model costs in one group, and the figures of it that an event tells. Pure.

Most prices are one tariff. Where the length of the input or the tier of service decides, all that
can be are made here once, and a request looks its own up when its usage is known.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from services.relay.books.prices import GroupRatioInForce, PriceInForce
from services.relay.recording.event_json import as_json
from shared.events.requests import Rating
from shared.money.context_tiers import in_tier
from shared.money.price_ratios import PriceRatios
from shared.money.tariff import Tariff

_ONE: Final = Decimal(1)
_RARE: Final = {
    *("output_audio_ratio", "output_image_ratio", "tier_above_tokens"),
    *("service_tier", "service_tier_ratio", "tool_prices"),
}
"""What few prices have: told only where it is."""


class ServedIn(NamedTuple):
    """What it costs in one tier of service."""

    tariff: Tariff
    rating_json: str
    longer: tuple[tuple[int, str], ...]
    """The figures for an input of more tokens than that, the longest first."""


class Served:
    """What it costs in each tier of service and for each length of the input."""

    __slots__ = ("_in_tier", "_ordinary")

    def __init__(self, ordinary: ServedIn, in_tier: Mapping[str, ServedIn]) -> None:
        self._ordinary = ordinary
        self._in_tier = in_tier

    def rated(self, total_prompt: int, service_tier: str) -> tuple[Tariff, str]:
        """The tariff, and an event's `rating`. A tier without a price is the ordinary one."""
        served = self._in_tier.get(service_tier, self._ordinary)
        for above, rating_json in served.longer:
            if total_prompt > above:
                return served.tariff, rating_json
        return served.tariff, served.rating_json


class GroupTerms(NamedTuple):
    """What one model costs in one group."""

    tariff: Tariff
    """In the ordinary tier of service, for input of any length."""
    rating_json: str
    """The figures of it for an event."""
    group_json: str
    """The group's name for an event."""
    served: Served | None
    """Where the length of the input or the tier of service decides; null: neither does."""


def group_terms(price: PriceInForce, group: str, group_ratio: GroupRatioInForce) -> GroupTerms:
    """The terms at a price."""
    ratios = price.ratios
    ordinary = _served_in(price, group_ratio, "", _ONE)
    varies = ratios.model_price is None and (ratios.tiers or ratios.service_tiers)
    served = None
    if varies:
        in_tiers = {
            tier: _served_in(price, group_ratio, tier, ratio)
            for tier, ratio in ratios.service_tiers.items()
        }
        served = Served(ordinary, in_tiers)
    return GroupTerms(ordinary.tariff, ordinary.rating_json, as_json(group), served)


def _served_in(
    price: PriceInForce, group_ratio: GroupRatioInForce, service_tier: str, tier_ratio: Decimal
) -> ServedIn:
    ratios = price.ratios

    def told(own: PriceRatios, above: int | None) -> str:
        rating = Rating(
            price_version=price.version,
            model_ratio=own.model_ratio,
            completion_ratio=own.completion_ratio,
            cache_ratio=own.cache_ratio,
            cache_creation_ratio=own.cache_creation_ratio,
            cache_creation_1h_ratio=own.cache_creation_1h_ratio,
            image_ratio=own.image_ratio,
            audio_ratio=own.audio_ratio,
            group_ratio=group_ratio.ratio,
            user_group_ratio=group_ratio.ratio if group_ratio.is_for_user_group else None,
            model_price=own.model_price,
            output_audio_ratio=own.output_audio_ratio,
            output_image_ratio=own.output_image_ratio,
            tier_above_tokens=above,
            service_tier=service_tier,
            service_tier_ratio=tier_ratio,
            tool_prices=dict(own.tool_prices),
        )
        said = rating.model_dump(include=_RARE, exclude_defaults=True).keys()
        return rating.model_dump_json(exclude=_RARE - said)

    tiers = ratios.tiers if ratios.model_price is None else ()
    return ServedIn(
        Tariff(ratios, group_ratio.ratio, tier_ratio),
        told(ratios, None),
        tuple(
            (tier.above_prompt_tokens, told(in_tier(ratios, tier), tier.above_prompt_tokens))
            for tier in reversed(tiers)
        ),
    )

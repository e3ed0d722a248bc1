"""What a request of the past would have cost with other prices. Pure.

The usage, the group and the ratios are those that its event told, or its ledger entry keeps.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from shared.money.exact import ONE
from shared.money.price_ratios import PriceRatios, TierRatios
from shared.money.rated_event import RatedWith, counts_of_usage, rated_with
from shared.money.tariff import Tariff

_UNCHARGED: Final = "none"
"""The `usage_source` of what costs nothing at any price."""


@dataclass(frozen=True, slots=True)
class GroupChoice:
    """A group's ratio, and those of users of certain groups in it."""

    ratio: Decimal
    by_user_group: Mapping[str, Decimal] = field(default_factory=dict)

    def of(self, user_group: str) -> Decimal:
        """The ratio for such a user."""
        return self.by_user_group.get(user_group, self.ratio)


@dataclass(frozen=True, slots=True)
class Choice:
    """The prices to rate with. A model or group that is not named keeps its own."""

    prices: Mapping[str, PriceRatios]
    group_ratios: Mapping[str, GroupChoice] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rateable:
    """What a charge keeps of how it came about."""

    model: str
    group: str
    user_group: str
    usage_source: str
    usage: Mapping[str, Any]
    rating: bytes
    """The event's `rating` as JSON; empty where it is not known."""


class Rerater:
    """Rates many requests with one choice: a price is worked out once for all that share it."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._rated_with: dict[bytes, RatedWith | None] = {}
        self._tariffs: dict[tuple[str, bytes, Decimal, Decimal], Tariff] = {}

    def units(self, request: Rateable) -> int | None:
        """What it would have cost; None where it says too little of what it was rated with."""
        if request.usage_source == _UNCHARGED:
            return 0
        was = self._was(request.rating)
        if was is None:
            return None
        price = self._choice.prices.get(request.model)
        group = self._choice.group_ratios.get(request.group)
        group_ratio = was.group_ratio if group is None else group.of(request.user_group)
        if price is None:
            tier_ratio, own = was.service_tier_ratio, request.rating
            price = was.price
        else:
            # As the relay does: what the answer named, also where that had no price yet.
            tier = request.usage.get("service_tier") or was.service_tier
            tier_ratio, own = price.service_tiers.get(tier, ONE), b""
        key = (request.model, own, group_ratio, tier_ratio)
        tariff = self._tariffs.get(key)
        if tariff is None:
            tariff = self._tariffs[key] = Tariff(price, group_ratio, tier_ratio)
        return tariff.charge(counts_of_usage(request.usage))

    def _was(self, rating: bytes) -> RatedWith | None:
        try:
            return self._rated_with[rating]
        except KeyError:
            was = self._rated_with[rating] = _read(rating)
            return was


def price_of(told: Mapping[str, Any]) -> PriceRatios:
    """A price as an event, a draft or a file tells it. Raises KeyError without a `model_ratio`."""
    price = rated_with(told).price
    return replace(
        price,
        tiers=tuple(_tier(tier, told) for tier in told.get("tiers") or ()),
        service_tiers=_decimals(told.get("service_tiers")),
        second_prices=_decimals(told.get("second_prices")),
    )


def group_of(told: Mapping[str, Any] | str | float) -> GroupChoice:
    """A group's ratio, told alone or with those of its users' own groups."""
    if not isinstance(told, Mapping):
        return GroupChoice(Decimal(str(told)))
    return GroupChoice(Decimal(str(told["ratio"])), _decimals(told.get("user_group_ratios")))


def _tier(tier: Mapping[str, Any], price: Mapping[str, Any]) -> TierRatios:
    """What a tier leaves out is as the price has it."""

    def ratio(name: str) -> Decimal:
        for told in (tier.get(name), price.get(name)):
            if told is not None:
                return Decimal(str(told))
        return ONE

    hour = tier.get("cache_creation_1h_ratio")
    return TierRatios(
        above_prompt_tokens=int(tier["above_prompt_tokens"]),
        model_ratio=Decimal(str(tier["model_ratio"])),
        completion_ratio=ratio("completion_ratio"),
        cache_ratio=ratio("cache_ratio"),
        cache_creation_ratio=ratio("cache_creation_ratio"),
        cache_creation_1h_ratio=None if hour is None else Decimal(str(hour)),
    )


def _decimals(told: Mapping[str, Any] | None) -> dict[str, Decimal]:
    return {name: Decimal(str(value)) for name, value in (told or {}).items()}


def _read(rating: bytes) -> RatedWith | None:
    if not rating:
        return None
    told = json.loads(rating, parse_float=Decimal)
    try:
        return rated_with(told) if isinstance(told, dict) else None
    except KeyError:
        return None

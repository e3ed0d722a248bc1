"""What a model costs whom, for people to read. Pure.

Figures named `…_dollars…` in `you` are what that caller would pay: times the ratio of their group.
They are strings, exact.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from services.billing.prices.price_versions import coming, current
from shared.events.prices import ContextTier, GroupRatio, ModelPrice
from shared.money.exact import product

_DOLLARS_A_MILLION: Final = 2
"""What a model_ratio of 1 costs."""
_AS_IN_THE_BOOK: Final = {
    *("output_audio_ratio", "output_image_ratio", "tiers", "service_tiers", "tool_prices"),
    *("second_prices", "max_input_tokens", "max_output_tokens", "effective_from"),
}


class GroupTerms(NamedTuple):
    """The group that the caller would use, and what is known of its ratio."""

    group: str
    user_group: str
    ratios: Sequence[GroupRatio]

    def ratio(self, at: datetime) -> Decimal | None:
        """What the caller's costs are multiplied by; null: the group has no ratio."""
        found = current(self.ratios, at)
        return None if found is None else found.user_group_ratios.get(self.user_group, found.ratio)


def offered(
    model: str, versions: Sequence[ModelPrice], terms: GroupTerms, now: datetime
) -> dict[str, Any] | None:
    """A model's price as it is shown; None where it has none now."""
    price = current(versions, now)
    if price is None:
        return None
    following = next(iter(coming(versions, now)), None)
    return {
        "model": model,
        **_before_the_group(price),
        "you": _for_you(price, terms, now),
        "coming": None
        if following is None
        else {
            "price_version": following.version,
            "effective_from": following.model_dump(mode="json")["effective_from"],
            "you": _for_you(following, terms, following.effective_from),
        },
    }


def _before_the_group(price: ModelPrice) -> dict[str, Any]:
    input_dollars = product(price.model_ratio, _DOLLARS_A_MILLION)
    is_per_call = price.model_price is not None
    return {
        "quota_type": _quota_type(price),
        "price_version": price.version,
        "model_ratio": float(price.model_ratio),
        "completion_ratio": float(price.completion_ratio),
        "cache_ratio": float(price.cache_ratio),
        "cache_creation_ratio": float(price.cache_creation_ratio),
        "cache_creation_1h_ratio": float(_for_an_hour(price)),
        "image_ratio": float(price.image_ratio),
        "audio_ratio": float(price.audio_ratio),
        "model_price": float(price.model_price) if price.model_price is not None else None,
        "input_dollars_per_million": None if is_per_call else float(input_dollars),
        "cached_dollars_per_million": (
            None if is_per_call else float(product(input_dollars, price.cache_ratio))
        ),
        "output_dollars_per_million": (
            None if is_per_call else float(product(input_dollars, price.completion_ratio))
        ),
        **price.model_dump(mode="json", include=_AS_IN_THE_BOOK),
    }


def _quota_type(price: ModelPrice) -> int:
    """What is counted: 0 tokens, 1 calls, 2 seconds."""
    if price.second_prices:
        return 2
    return 0 if price.model_price is None else 1


def _for_you(price: ModelPrice, terms: GroupTerms, at: datetime) -> dict[str, Any] | None:
    ratio = terms.ratio(at)
    if ratio is None:
        return None
    shown: dict[str, Any] = {"group": terms.group, "group_ratio": _text(ratio)}
    if price.model_price is not None:
        shown["per_call_dollars"] = _text(product(price.model_price, ratio))
    else:
        shown |= _tokens(price, price, ratio)
        shown["tiers"] = [
            {"above_prompt_tokens": tier.above_prompt_tokens, **_tokens(price, tier, ratio)}
            for tier in price.tiers
        ]
        shown["service_tier_factors"] = {
            tier: _text(factor) for tier, factor in price.service_tiers.items()
        }
    for name, dollars in (
        ("tools_dollars_per_1000", price.tool_prices),
        ("per_second_dollars", price.second_prices),
    ):
        shown[name] = {what: _text(product(each, ratio)) for what, each in dollars.items()}
    return shown


def _tokens(price: ModelPrice, at: ModelPrice | ContextTier, ratio: Decimal) -> dict[str, str]:
    """Dollars for a million tokens, by kind; `at`: the price itself, or one of its tiers."""
    input_dollars = product(at.model_ratio, _DOLLARS_A_MILLION, ratio)
    weights = {
        "input": Decimal(1),
        "cached": at.cache_ratio,
        "cache_write": at.cache_creation_ratio,
        "cache_write_1h": _for_an_hour(at),
        "image": price.image_ratio,
        "audio": price.audio_ratio,
        "output": at.completion_ratio,
        "output_audio": _or(price.output_audio_ratio, at.completion_ratio),
        "output_image": _or(price.output_image_ratio, at.completion_ratio),
    }
    return {
        f"{kind}_dollars_per_million": _text(product(input_dollars, weight))
        for kind, weight in weights.items()
    }


def _for_an_hour(price: ModelPrice | ContextTier) -> Decimal:
    return _or(price.cache_creation_1h_ratio, price.cache_creation_ratio)


def _or(ratio: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if ratio is None else ratio


def _text(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

"""How a request's charge was reckoned, written out with its numbers. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from shared.money.quota import QUOTA_PER_UNIT
from shared.money.rating import PriceRatios, UnitCounts, rate

_ONE: Final = Decimal(1)


def units_of(row: Mapping[str, Any], other: Mapping[str, Any]) -> UnitCounts:
    """The tokens of a log row by the kinds that have a price of their own."""
    created = other.get("cache_creation_tokens", 0)
    for_an_hour = min(created, other.get("cache_creation_1h_tokens", 0))
    return UnitCounts(
        prompt=row["prompt_tokens"],
        completion=row["completion_tokens"],
        cached=other.get("cache_tokens", 0),
        cache_creation=created - for_an_hour,
        cache_creation_1h=for_an_hour,
        image=other.get("image_tokens", 0),
        audio=other.get("audio_tokens", 0),
        prompt_includes_cached=other.get("prompt_includes_cached", True),
    )


def ratios_of(other: Mapping[str, Any]) -> PriceRatios | None:
    """The ratios that a row was rated with; None where it was not."""
    if "model_ratio" not in other:
        return None
    model_price, for_an_hour = other.get("model_price"), other.get("cache_creation_1h_ratio")
    return PriceRatios(
        model_ratio=_decimal(other["model_ratio"]),
        completion_ratio=_decimal(other.get("completion_ratio", 1)),
        cache_ratio=_decimal(other.get("cache_ratio", 1)),
        cache_creation_ratio=_decimal(other.get("cache_creation_ratio", 1)),
        cache_creation_1h_ratio=None if for_an_hour is None else _decimal(for_an_hour),
        image_ratio=_decimal(other.get("image_ratio", 1)),
        audio_ratio=_decimal(other.get("audio_ratio", 1)),
        model_price=None if model_price is None else _decimal(model_price),
    )


def formula(units: UnitCounts, price: PriceRatios, group_ratio: Decimal) -> str:
    """Such as `(600 + 400 cached × 0.5 + 500 completion × 4) × 0.075 × 1 = 210`."""
    rated = rate(units, price, group_ratio)
    if price.model_price is not None:
        return f"${_text(price.model_price)} × {QUOTA_PER_UNIT} × {_text(group_ratio)} = {rated}"
    cached = units.cached + units.cache_creation + units.cache_creation_1h
    apart = units.image + units.audio + (cached if units.prompt_includes_cached else 0)
    terms = [str(max(0, units.prompt - apart))]
    terms += [
        f"{count} {kind} × {_text(ratio)}"
        for kind, count, ratio in (
            ("cached", units.cached, price.cache_ratio),
            ("written to the cache", units.cache_creation, price.cache_creation_ratio),
            ("written for an hour", units.cache_creation_1h, price.hour_ratio),
            ("of images", units.image, price.image_ratio),
            ("of audio", units.audio, price.audio_ratio),
            ("completion", units.completion, price.completion_ratio),
        )
        if count
    ]
    weighted = " + ".join(terms)
    return f"({weighted}) × {_text(price.model_ratio)} × {_text(group_ratio)} = {rated}"


def _decimal(value: float | str) -> Decimal:
    """The number as the row shows it: a float's shortest text is what was written into it."""
    return Decimal(str(value))


def _text(ratio: Decimal) -> str:
    return f"{ratio.normalize() if ratio else ratio:f}"

"""Prices that the `genai-prices` package knows, as the book has them. Pure: no network.

Its tiers are thresholds, as ours are. What it knows and a price cannot say is a warning.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, NamedTuple

from genai_prices.data import providers as known_providers
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
)

from services.billing.prices.price_body import PriceFields

_DOLLARS_A_MILLION: Final = 2
"""What a model_ratio of 1 costs."""
_PLACES: Final = Decimal("1e-9")
_RELATIVE: Final = {
    "cache_ratio": "cache_read_mtok",
    "cache_creation_ratio": "cache_write_mtok",
    "cache_creation_1h_ratio": "cache_write_1h_mtok",
    "completion_ratio": "output_mtok",
}
_RELATIVE_MEDIA: Final = {
    "audio_ratio": "input_audio_mtok",
    "image_ratio": "input_image_mtok",
    "output_audio_ratio": "output_audio_mtok",
    "output_image_ratio": "output_image_mtok",
}
_TOOLS: Final = {"web_searches_kcount": "web_search", "storage_searches_kcount": "file_search"}
_TAKEN: Final = {
    *("input_mtok", "requests_kcount"),
    *_RELATIVE.values(),
    *_RELATIVE_MEDIA.values(),
    *_TOOLS,
}
# Anthropic's rule, where its data does not have the figure: twice the input's price.
_HOUR_AT_ANTHROPIC: Final = Decimal(2)


class Imported(NamedTuple):
    """Prices by model, and what of them is not as the source has it."""

    prices: dict[str, PriceFields]
    warnings: list[dict[str, str]]


class _Figures(dict[str, Decimal]):
    """Ratios to nine places; remembers which were cut."""

    def __init__(self) -> None:
        super().__init__()
        self.cut: list[str] = []

    def put(self, name: str, exact: Decimal) -> None:
        # Without trailing zeros, and without an exponent.
        self[name] = Decimal(f"{exact.quantize(_PLACES, ROUND_HALF_UP).normalize():f}")
        if self[name] != exact:
            self.cut.append(name)


def provider_ids() -> list[str]:
    """Those that the package knows."""
    return [provider.id for provider in known_providers]


def import_prices(providers: Sequence[str], models: Sequence[str] | None, at: datetime) -> Imported:
    """What these providers charge at a time, of all their models or of those that are named.

    A model that two of them have is as the one named first has it.
    """
    wanted = None if models is None else set(models)
    prices: dict[str, PriceFields] = {}
    warnings: list[dict[str, str]] = []
    by_id = {provider.id: provider for provider in known_providers}
    for provider_id in providers:
        for model in by_id[provider_id].models:
            if model.id in prices or (wanted is not None and model.id not in wanted):
                continue
            price, said = _price_of(model, provider_id, at)
            warnings += [{"model": model.id, "what": what} for what in said]
            if price is not None:
                prices[model.id] = price
    missing = sorted((wanted or set()) - prices.keys() - {each["model"] for each in warnings})
    warnings += [{"model": name, "what": "the source does not know it"} for name in missing]
    return Imported(prices, warnings)


def _price_of(
    model: ModelInfo, provider_id: str, at: datetime
) -> tuple[PriceFields | None, list[str]]:
    source = {name: told for name, told in vars(model.get_prices(at)).items() if told is not None}
    said = [f"{name} has no place in a price" for name in source if name not in _TAKEN]
    said += _by_time(model, at)
    per_call = source.get("requests_kcount")
    if "input_mtok" not in source and "output_mtok" not in source:
        if isinstance(per_call, Decimal):
            return PriceFields(model_ratio=Decimal(0), model_price=per_call / 1000), said
        return None, [*said, "left out: it is priced by nothing that a price can say"]
    if per_call is not None:
        said.append("requests_kcount has no place beside a price of tokens")
    starts = sorted({tier.start for told in source.values() for tier in _tiers(told)})
    own = _ratios(source, -1, provider_id)
    tiers = [_ratios(source, start, provider_id) for start in starts]
    if own is None or None in tiers:
        return None, [*said, "left out: something of it is priced, and its input costs nothing"]
    if not own["model_ratio"]:
        said.append("it costs nothing")
    figures: dict[str, Any] = {**own}
    said += [f"{name} is rounded to nine places" for name in own.cut]
    for name, key in _RELATIVE_MEDIA.items():
        if key in source and own["model_ratio"]:
            media = _Figures()
            media.put(name, _at(source[key], -1) / _at(source["input_mtok"], -1))
            figures |= media
            said += [f"{cut} is rounded to nine places" for cut in media.cut]
            if starts:
                said.append(f"{name} is relative to the input's price in each tier")
    if model.context_window:
        figures["max_input_tokens"] = model.context_window
    figures["tiers"] = [
        {"above_prompt_tokens": start, **ratios}
        for start, ratios in zip(starts, tiers, strict=True)
        if ratios is not None
    ]
    figures["tool_prices"] = {
        tool: _at(source[key], -1) for key, tool in _TOOLS.items() if key in source
    }
    figures["service_tiers"] = _service_tiers(model, source, at, said)
    return PriceFields.model_validate(figures), said


def _ratios(source: Mapping[str, Any], start: int, provider_id: str) -> _Figures | None:
    """The ratios of an input longer than `start`; None where they are relative to nothing."""
    dollars = _at(source.get("input_mtok", Decimal(0)), start)
    ratios = _Figures()
    ratios.put("model_ratio", dollars / _DOLLARS_A_MILLION)
    if not ratios["model_ratio"]:
        relative = (*_RELATIVE.values(), *_RELATIVE_MEDIA.values())
        return None if any(_at(source[key], start) for key in relative if key in source) else ratios
    if "output_mtok" not in source:
        ratios.put("completion_ratio", Decimal(0))
    for name, key in _RELATIVE.items():
        if key in source:
            ratios.put(name, _at(source[key], start) / dollars)
    if provider_id == "anthropic" and "cache_write_mtok" in source:
        ratios.setdefault("cache_creation_1h_ratio", _HOUR_AT_ANTHROPIC)
    return ratios


def _service_tiers(
    model: ModelInfo, source: Mapping[str, Any], at: datetime, said: list[str]
) -> dict[str, Decimal]:
    """By what factor each tier of service is dearer; the greatest, where kinds differ."""
    found: dict[str, Decimal] = {}
    for variant in model.price_variants or ():
        tier = variant.when.get("service_tier")
        is_active = variant.constraint is None or variant.constraint.active(at)
        if tier is None or len(variant.when) > 1 or tier in found or not is_active:
            continue
        factors = list(_factors(vars(variant.prices), source))
        if not factors:
            continue
        factor = _Figures()
        factor.put(tier, max(factors))
        found |= factor
        if len(set(factors)) > 1:
            said.append(f"{tier} is not the same factor for all kinds: the greatest is taken")
    return found


def _factors(dearer: Mapping[str, Any], source: Mapping[str, Any]) -> Iterable[Decimal]:
    for key, told in dearer.items():
        usual = _at(source.get(key, Decimal(0)), -1)
        if told is not None and usual:
            yield _at(told, -1) / usual


def _by_time(model: ModelInfo, at: datetime) -> Iterable[str]:
    """What holds at other times than `at`."""
    conditional = () if isinstance(model.prices, ModelPrice) else model.prices
    for each in conditional:
        if not isinstance(each, ConditionalPrice) or each.constraint is None:
            continue
        if not isinstance(each.constraint, StartDateConstraint):
            yield "its price depends on the time of day: the one of the moment is taken"
        elif not each.constraint.active(at):
            yield f"another price holds from {each.constraint.start_date} on"


def _tiers(told: Decimal | TieredPrices) -> Iterable[Any]:
    return told.tiers if isinstance(told, TieredPrices) else ()


def _at(told: Decimal | TieredPrices, start: int) -> Decimal:
    """The figure for inputs that are longer than `start`; -1: the base."""
    if not isinstance(told, TieredPrices):
        return told
    reached = [tier.price for tier in told.tiers if tier.start <= start]
    return reached[-1] if reached else told.base

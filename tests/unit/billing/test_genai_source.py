"""What `genai-prices` knows, as the book has it: held against the package's own sums."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider, Usage

from services.billing.prices import genai_source
from services.billing.prices.genai_source import import_prices, provider_ids
from services.billing.prices.price_body import PriceFields
from shared.money.price_of_event import ratios_of
from shared.money.quota import MAX_QUOTA_UNITS, QUOTA_PER_UNIT
from shared.money.rating import UnitCounts, exact_cost

AT = datetime(2026, 11, 20, tzinfo=UTC)
TEN = (
    *(("anthropic", name) for name in ("claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5")),
    *(("openai", name) for name in ("gpt-4o-mini", "gpt-4.1", "gpt-5", "o3")),
    *(("google", name) for name in ("gemini-2.5-pro", "gemini-2.5-flash")),
    ("mistral", "mistral-large"),
)


def imported(provider: str, model: str) -> PriceFields:
    return import_prices([provider], [model], AT).prices[model]


@pytest.mark.parametrize(("provider", "model"), TEN)
@pytest.mark.parametrize("prompt", [1000, 150_000, 200_001])
def test_a_model_costs_what_the_package_reckons(provider: str, model: str, prompt: int) -> None:
    (of,) = [each for each in providers if each.id == provider]
    (info,) = [each for each in of.models if each.id == model]
    cached, output = prompt // 4, 700
    theirs = info.calc_price(
        Usage(input_tokens=prompt, cache_read_tokens=cached, output_tokens=output),
        of,
        genai_request_timestamp=AT,
        auto_update_timestamp=None,
    )

    ours = exact_cost(
        UnitCounts(prompt=prompt, cached=cached, completion=output),
        ratios_of(imported(provider, model).as_price(AT)),
        Decimal(1),
    )

    # Ratios have nine places.
    assert math.isclose(ours / QUOTA_PER_UNIT, theirs.total_price, rel_tol=1e-7)


def test_what_the_source_says_of_anthropics_caches_tiers_and_tools_is_taken() -> None:
    sonnet = imported("anthropic", "claude-sonnet-4-5")
    assert (sonnet.cache_creation_ratio, sonnet.cache_creation_1h_ratio) == (
        Decimal("1.25"),
        Decimal(2),
    )
    (longer,) = sonnet.tiers
    assert (longer.above_prompt_tokens, longer.model_ratio) == (200_000, Decimal(3))
    assert longer.completion_ratio == Decimal("3.75")
    assert sonnet.tool_prices == {"web_search": Decimal(10)}


def test_tiers_of_service_are_factors() -> None:
    assert imported("openai", "gpt-5").service_tiers == {
        "flex": Decimal("0.5"),
        "priority": Decimal(2),
        "fast": Decimal(2),
    }


def test_what_cannot_be_taken_is_said() -> None:
    _, warnings = import_prices(["openai", "deepseek"], ["whisper-1", "deepseek-chat", "x"], AT)
    said = {(each["model"], each["what"]) for each in warnings}
    assert ("x", "the source does not know it") in said
    assert any(model == "whisper-1" and "left out" in what for model, what in said)
    assert any(model == "deepseek-chat" and "time of day" in what for model, what in said)


@pytest.mark.parametrize("free", [{"input_mtok": Decimal(0)}, {"output_mtok": Decimal(0)}])
def test_what_is_relative_to_an_input_that_is_free_is_left_out(
    monkeypatch: pytest.MonkeyPatch, free: dict[str, Decimal]
) -> None:
    price = ModelPrice(input_audio_mtok=Decimal(4), **free)
    model = ModelInfo(id="odd", match=ClauseEquals(equals="odd"), prices=price)
    maker = Provider(id="maker", name="Maker", api_pattern="", models=[model])
    monkeypatch.setattr(genai_source, "known_providers", [maker])
    prices, ((said),) = import_prices(["maker"], None, AT)
    assert prices == {}
    assert "left out" in said["what"]


def test_every_model_of_every_provider_is_a_price_or_is_said_not_to_be() -> None:
    prices, warnings = import_prices(provider_ids(), None, AT)
    left_out = {each["model"] for each in warnings if each["what"].startswith("left out")}
    known = {model.id for provider in providers for model in provider.models}
    assert known == prices.keys() | left_out
    assert len(prices) > 1000
    for price in prices.values():
        cost = exact_cost(UnitCounts(prompt=10), ratios_of(price.as_price(AT)), Decimal(1))
        assert 0 <= cost < MAX_QUOTA_UNITS

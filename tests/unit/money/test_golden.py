"""Charges with their sums written out, added up by `tests.written_sums` and not by the code."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.relay.dialects import anthropic_usage, openai_usage
from shared.events.requests import Rating
from shared.events.usage import Usage
from shared.money.context_tiers import ratios_for, tier_for
from shared.money.formula import formula
from shared.money.jobs import NoSuchSizeError, rate_job
from shared.money.price_ratios import PriceRatios, TierRatios
from shared.money.rated_event import counts_of_usage, rated_with
from shared.money.rating import rate
from shared.money.tariff import Tariff
from tests.written_sums import added_up, rounded

_GOLDEN = Path(__file__).parent / "golden"
_READ: dict[str, Callable[[Any], Usage | None]] = {
    "chat": openai_usage.read_usage,
    "responses": openai_usage.read_responses_usage,
    "embeddings": lambda answer: openai_usage.read_embeddings_usage(answer["usage"]),
    "anthropic": lambda answer: anthropic_usage.read_usage(answer["usage"]),
}
_ALWAYS = ("completion_ratio", "cache_ratio", "cache_creation_ratio", "image_ratio", "audio_ratio")


def rows(*files: str) -> list[Any]:
    tables = [json.loads((_GOLDEN / f"{file}.json").read_text()) for file in files]
    return [pytest.param(row, id=row["name"]) for table in tables for row in table]


def usage_of(row: dict[str, Any]) -> dict[str, Any]:
    """As an event has it: what the provider answered, read as the relay reads it."""
    usage = _READ[row["dialect"]](row["answered"]) if "answered" in row else Usage(**row["usage"])
    assert usage is not None
    return usage.model_dump(mode="json")


def rating_of(row: dict[str, Any]) -> dict[str, Any]:
    rating = Rating(price_version=1, **dict.fromkeys(_ALWAYS, 1) | row["rating"])
    return rating.model_dump(mode="json")


@pytest.mark.parametrize("row", rows("openai", "anthropic", "dimensions"))
def test_a_charge_is_the_sum_written_beside_it(row: dict[str, Any]) -> None:
    assert rounded(added_up(row["sum"])) == row["quota"]
    counts = counts_of_usage(usage_of(row))
    price, group_ratio, tier, tier_ratio = rated_with(rating_of(row))

    assert rate(counts, price, group_ratio, tier_ratio) == row["quota"]
    assert Tariff(price, group_ratio, tier_ratio).charge(counts) == row["quota"]
    written = formula(counts, price, group_ratio, service_tier=tier, service_tier_ratio=tier_ratio)
    reckoned, _, told = written.partition(" = ")
    exact, _, charged = told.partition(", and so ")
    assert added_up(reckoned) == added_up(exact) == added_up(row["sum"])
    assert int(charged or exact) == row["quota"]


@pytest.mark.parametrize(
    "row", [each for each in rows("anthropic", "dimensions") if "price" in each.values[0]]
)
def test_a_price_with_tiers_comes_to_the_same(row: dict[str, Any]) -> None:
    told = dict(row["price"])
    tiers = tuple(_tier(tier) for tier in told.pop("tiers"))
    ratios: dict[str, Any] = {name: Decimal(ratio) for name, ratio in told.items()}
    price = PriceRatios(tiers=tiers, **ratios)
    counts, group_ratio = counts_of_usage(usage_of(row)), Decimal(row["rating"]["group_ratio"])

    assert rate(counts, price, group_ratio) == row["quota"]
    assert Tariff(price, group_ratio).charge(counts) == row["quota"]
    tier = tier_for(price, counts.total_prompt)
    assert (tier and tier.above_prompt_tokens) == row["rating"].get("tier_above_tokens")
    # The ratios that an event tells are those that were used.
    assert ratios_for(price, counts.total_prompt) == rated_with(rating_of(row)).price


@pytest.mark.parametrize("row", rows("jobs"))
def test_a_job_costs_the_sum_written_beside_it(row: dict[str, Any]) -> None:
    assert rounded(added_up(row["sum"])) == row["quota"]
    prices = {size: Decimal(dollars) for size, dollars in row["second_prices"].items()}
    price = PriceRatios(model_ratio=Decimal(0), second_prices=prices)
    rated = rate_job(
        milliseconds=row["milliseconds"],
        size=row["size"],
        count=row["count"],
        price=price,
        group_ratio=Decimal(row["group_ratio"]),
    )
    assert rated == row["quota"]


def test_a_size_without_a_price_is_refused() -> None:
    price = PriceRatios(model_ratio=Decimal(0), second_prices={"720x1280": Decimal(1)})
    with pytest.raises(NoSuchSizeError):
        rate_job(milliseconds=1, size="1x1", count=1, price=price, group_ratio=Decimal(1))


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 + 2 × 3", 7), ("(1 + 2 tokens of it) × 3 − 1", 8), ("$0.5 × 1,000 / 4", 125)],
)
def test_sums_are_added_up_as_people_do(text: str, value: int) -> None:
    assert added_up(text) == value


@pytest.mark.parametrize("text", ["", "1 +", "(1", "1)", "× 2"])
def test_what_is_no_sum_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"what is|ends too early|not closed|Invalid literal"):
        added_up(text)


def _tier(told: dict[str, Any]) -> TierRatios:
    above = told["above_prompt_tokens"]
    ratios = {name: Decimal(value) for name, value in told.items() if name != "above_prompt_tokens"}
    return TierRatios(above_prompt_tokens=above, **ratios)

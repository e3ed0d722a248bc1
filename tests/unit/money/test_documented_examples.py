"""The examples of docs/rating.md were worked out by hand; the code must come to the same."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.money.hold import upper_bound
from shared.money.price_ratios import PriceRatios
from shared.money.rating import UnitCounts, rate

_PAGE = (Path(__file__).parents[3] / "docs/rating.md").read_text()
_EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", _PAGE, re.DOTALL)]
_COUNTS = (
    *("prompt", "prompt_includes_cached", "completion"),
    *("cached", "cache_creation", "cache_creation_1h"),
)
_RATIOS = (
    *("model_ratio", "completion_ratio"),
    *("cache_ratio", "cache_creation_ratio", "cache_creation_1h_ratio"),
)


def test_there_are_four() -> None:
    assert len(_EXAMPLES) == 4


@pytest.mark.parametrize("example", _EXAMPLES, ids=["cached", "half-up", "least", "cache-times"])
def test_each_costs_what_the_page_says(example: dict[str, Any]) -> None:
    units = UnitCounts(**{name: example[name] for name in _COUNTS if name in example})
    ratios: dict[str, Any] = {name: Decimal(example[name]) for name in _RATIOS if name in example}
    price = PriceRatios(**ratios)
    assert set(example) <= {*_COUNTS, *_RATIOS, "group_ratio", "quota"}
    assert rate(units, price, Decimal(example["group_ratio"])) == example["quota"]


def test_the_hold_is_what_the_page_says() -> None:
    assert "(2,000 · 1 + 2 · 500 · 4) · 0.075 = 450 units" in _PAGE
    price = PriceRatios(
        model_ratio=Decimal("0.075"), completion_ratio=Decimal(4), cache_ratio=Decimal("0.5")
    )
    held = upper_bound(
        prompt_tokens=2000,
        output_tokens=500,
        answers=2,
        price=price,
        dearest_group_ratio=Decimal(1),
    )
    assert held == 450

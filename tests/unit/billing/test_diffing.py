"""What a draft would change of the book."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.billing.prices.diffing import comparison_word, prices_differ, ratios_differ
from services.billing.prices.price_body import PriceFields
from shared.events.prices import GroupRatio

NOW = datetime(2026, 5, 1, tzinfo=UTC)
TIER = {"above_prompt_tokens": 5, "model_ratio": "2.0"}


def fields(**told: Any) -> PriceFields:
    return PriceFields.model_validate({"model_ratio": 1} | told)


def test_only_what_differs_is_changed_and_by_how_much() -> None:
    draft = {
        "dearer": fields(model_ratio="1.5", max_output_tokens=9),
        "new": fields(),
        "same": fields(
            completion_ratio="4.000", tiers=[{"above_prompt_tokens": 5, "model_ratio": 2}]
        ),
    }
    held = {
        "dearer": fields(model_ratio="1.2", max_output_tokens=8),
        "gone": fields(),
        "same": fields(
            completion_ratio=4,
            tiers=[{"above_prompt_tokens": 5, "model_ratio": "2.0", "completion_ratio": 4}],
        ),
    }
    in_force = {model: price.as_price(NOW - timedelta(days=1)) for model, price in held.items()}

    found = prices_differ(draft, in_force, NOW)

    assert (found.added, found.unchanged, found.not_in_draft) == (["new"], ["same"], ["gone"])
    assert found.changed == {
        "dearer": {
            "model_ratio": {"old": "1.2", "new": "1.5", "change_percent": "25.00"},
            "max_output_tokens": {"old": 8, "new": 9, "change_percent": None},
        }
    }
    assert found.to_publish == ["dearer", "new"]


def test_from_nothing_there_is_no_percentage() -> None:
    in_force = {"m": fields(model_ratio=0).as_price(NOW)}
    changed = prices_differ({"m": fields()}, in_force, NOW).changed
    assert changed["m"]["model_ratio"] == {"old": "0", "new": "1", "change_percent": None}


def test_a_groups_ratios_differ_by_any_of_them() -> None:
    old = GroupRatio(version=4, effective_from=NOW, ratio=Decimal(1))
    new = old.model_copy(update={"version": 0, "user_group_ratios": {"staff": Decimal("0.5")}})
    assert ratios_differ({"g": old}, {"g": old}).to_publish == []
    assert ratios_differ({"g": new}, {"g": old}).to_publish == ["g"]


def test_another_book_proposal_or_price_in_force_is_another_comparison() -> None:
    group = GroupRatio(version=4, effective_from=NOW, ratio=Decimal(1))
    held = fields().as_price(NOW).model_copy(update={"version": 3})
    word = comparison_word("7-0-4", ({"m": fields()}, {"g": group}), ({"m": held}, {"g": group}))
    later = held.model_copy(update={"version": 5})
    others = [
        comparison_word("8-0-4", ({"m": fields()}, {"g": group}), ({"m": held}, {"g": group})),
        comparison_word(
            "7-0-4", ({"m": fields(model_ratio=2)}, {"g": group}), ({"m": held}, {"g": group})
        ),
        comparison_word("7-0-4", ({"m": fields()}, {}), ({"m": held}, {"g": group})),
        comparison_word("7-0-4", ({"m": fields()}, {"g": group}), ({"m": later}, {"g": group})),
    ]
    assert len({word, *others}) == 5
    again = comparison_word("7-0-4", ({"m": fields()}, {"g": group}), ({"m": held}, {"g": group}))
    assert again == word
    assert len(word) <= 100

"""What a model is shown to cost whom."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.billing.prices.offered import GroupTerms, offered
from services.billing.prices.price_body import PriceBody
from services.billing.prices.shapes import OfferedModel
from shared.events.prices import GroupRatio, ModelPrice

NOW = datetime(2026, 5, 1, tzinfo=UTC)
GROUP = GroupRatio(
    version=1,
    effective_from=NOW - timedelta(days=9),
    ratio=Decimal("0.8"),
    user_group_ratios={"staff": Decimal("0.5")},
)
CUSTOMER = GroupTerms("vip", "default", [GROUP])


def price(days: float = -1, **fields: Any) -> ModelPrice:
    return PriceBody(**fields).as_price(NOW + timedelta(days=days))


def shown(*versions: ModelPrice, terms: GroupTerms = CUSTOMER) -> dict[str, Any]:
    row = offered("m", versions, terms, NOW)
    assert row is not None
    # Nothing is shown that is not documented.
    assert OfferedModel.model_validate(row).model_dump(exclude_unset=True).keys() == row.keys()
    return row


def test_you_pay_the_ratio_of_your_group() -> None:
    row = shown(price(model_ratio="0.075", completion_ratio="4", cache_ratio="0.5"))
    assert (row["quota_type"], row["input_dollars_per_million"]) == (0, 0.15)
    assert row["you"]["group_ratio"] == "0.8"
    assert row["you"]["input_dollars_per_million"] == "0.12"
    assert row["you"]["cached_dollars_per_million"] == "0.06"
    assert row["you"]["output_dollars_per_million"] == "0.48"
    # Nothing apart for it: as the completion that it is.
    assert row["you"]["output_audio_dollars_per_million"] == "0.48"


def test_the_ratio_for_the_users_own_group_goes_before_the_groups() -> None:
    staff = CUSTOMER._replace(user_group="staff")
    assert shown(price(model_ratio=1), terms=staff)["you"]["input_dollars_per_million"] == "1"


def test_who_has_no_ratio_is_told_no_price_of_their_own() -> None:
    assert shown(price(model_ratio=1), terms=GroupTerms("", "", []))["you"] is None


def test_every_dimension_is_shown_times_the_groups_ratio() -> None:
    row = shown(
        price(
            model_ratio="1.5",
            completion_ratio=5,
            cache_creation_ratio="1.25",
            output_image_ratio=20,
            tiers=[{"above_prompt_tokens": 200_000, "model_ratio": 3}],
            service_tiers={"priority": "2.5"},
            tool_prices={"web_search": 10},
            max_input_tokens=1_000_000,
        )
    )
    you = row["you"]
    assert you["cache_write_1h_dollars_per_million"] == "3"
    assert you["output_image_dollars_per_million"] == "48"
    assert you["tiers"][0]["above_prompt_tokens"] == 200_000
    assert you["tiers"][0]["output_dollars_per_million"] == "24"
    assert you["service_tier_factors"] == {"priority": "2.5"}
    assert you["tools_dollars_per_1000"] == {"web_search": "8"}
    # A ratio that the tier does not name is as the price's own.
    assert row["tiers"][0]["completion_ratio"] == "5"
    assert row["max_input_tokens"] == 1_000_000


def test_calls_and_seconds_are_shown_as_such() -> None:
    call = shown(price(model_ratio=1, model_price="0.04"))
    assert (call["quota_type"], call["you"]["per_call_dollars"]) == (1, "0.032")
    assert "input_dollars_per_million" not in call["you"]
    second = shown(price(model_ratio=0, second_prices={"1280x720": "0.1", "any": "0.3"}))
    assert second["quota_type"] == 2
    assert second["you"]["per_second_dollars"] == {"1280x720": "0.08", "any": "0.24"}


def test_the_next_version_is_told_with_what_the_group_will_cost_then() -> None:
    dearer = GROUP.model_copy(update={"ratio": Decimal(2), "effective_from": NOW + timedelta(2)})
    terms = CUSTOMER._replace(ratios=[GROUP, dearer])
    row = shown(price(model_ratio=1), price(3, model_ratio=2), price(4, model_ratio=9), terms=terms)
    assert row["you"]["input_dollars_per_million"] == "1.6"
    assert row["coming"]["you"]["input_dollars_per_million"] == "8"
    assert row["coming"]["effective_from"] == "2026-05-04T00:00:00Z"


def test_a_model_without_a_price_yet_is_not_offered() -> None:
    assert offered("m", [price(1, model_ratio=1)], CUSTOMER, NOW) is None

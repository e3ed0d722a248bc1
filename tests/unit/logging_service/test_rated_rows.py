from decimal import Decimal
from fractions import Fraction

from services.logging.listing.explaining import explain
from services.logging.rows.other import other_of
from services.logging.rows.rated_rows import rating_of, units_of
from shared.events.requests import LeaseUse, Outcome, Rating
from shared.events.usage import Usage, UsageSource
from tests.made_events import request
from tests.made_rows import row_of
from tests.written_sums import added_up


def test_from_its_row_a_charge_is_reckoned_as_it_was_from_its_event() -> None:
    """Nothing that the charge depends on is left out of the row."""
    rating = Rating(
        price_version=4,
        model_ratio=Decimal("1.25"),
        completion_ratio=Decimal(5),
        cache_ratio=Decimal("0.1"),
        cache_creation_ratio=Decimal("1.25"),
        cache_creation_1h_ratio=Decimal(2),
        image_ratio=Decimal(3),
        audio_ratio=Decimal(7),
        group_ratio=Decimal("0.8"),
        output_audio_ratio=Decimal(0),
        output_image_ratio=Decimal(40),
        tier_above_tokens=128_000,
        service_tier="priority",
        service_tier_ratio=Decimal(2),
        tool_prices={"web_search": Decimal(10)},
    )
    usage = Usage(
        prompt_tokens=100,
        completion_tokens=11,
        cached_tokens=13,
        cache_creation_tokens=17,
        cache_creation_1h_tokens=5,
        image_tokens=19,
        audio_tokens=23,
        prompt_includes_cached=False,
        output_audio_tokens=2,
        output_image_tokens=3,
        tool_calls={"web_search": 4},
    )
    # 100 - 19 - 23 + 13·0.1 + 12·1.25 + 5·2 + 19·3 + 23·7 + 6·5 + 2·0 + 3·40 = 452.3, and
    # (452.3 · 1.25 · 2 + 4·10·500) · 0.8 = 16904.6
    event = request(rating=rating, usage=usage, quota=16_905, hold_quota=20_000)

    told = explain(row_of(event)._asdict())

    assert told["charge"]["rated_quota"] == told["charge"]["quota"] == 16_905
    assert told["charge"]["formula"].endswith("× 0.8 = 16904.6, and so 16905")
    reckoned = told["charge"]["formula"].partition(" = ")[0]
    assert added_up(reckoned) == Fraction("16904.6")
    assert told["charge"]["ratios"]["price_version"] == 4
    assert told["usage"]["cache_creation"] == 12
    assert told["hold"] == {
        "quota": 20_000,
        "leases": [LeaseUse(lease_id="lease-1", subject="account:7").model_dump()],
    }
    assert told["attempts"] == [event.attempts[0].model_dump(mode="json")]


def test_a_row_does_not_repeat_what_every_price_has() -> None:
    other = other_of(row_of(request())._asdict())
    assert {"service_tier", "service_tier_ratio", "tool_prices", "tier_above_tokens"}.isdisjoint(
        other
    )
    assert {"output_audio_ratio", "output_image_ratio", "tool_calls"}.isdisjoint(other)


def test_what_was_not_rated_has_no_formula() -> None:
    failed = request(outcome=Outcome.FAILED, quota=0, usage=Usage(), usage_source=UsageSource.NONE)
    for event in (request(rating=None, quota=0), failed):
        charge = explain(row_of(event)._asdict())["charge"]
        assert charge == {"quota": 0, "formula": None, "rated_quota": None, "ratios": None}


def test_a_row_of_an_earlier_release_is_explained_as_far_as_it_goes() -> None:
    row = row_of(request())._asdict() | {
        "outcome": None,
        "other": '{"model_ratio":2.0,"cache_tokens":0}',
    }

    told = explain(row)

    assert told["attempts"] == []
    assert told["hold"] == {"quota": None, "leases": []}
    assert told["charge"]["formula"] == "(10 + 20 completion × 1) × 2 × 1 = 60"
    rating = rating_of({"model_ratio": 2.0})
    assert rating is not None
    assert rating.price.model_ratio == 2
    assert units_of(row, {}).prompt == 10

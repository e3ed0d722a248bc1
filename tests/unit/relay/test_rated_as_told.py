"""What is charged can be reckoned again from the event alone, and was held before."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.admission import terms_of
from services.relay.errors import RelayError
from services.relay.exchange import ANSWERED, Charge
from services.relay.recording.charging import charge_of
from shared.events.usage import Usage
from shared.money.price_ratios import TierRatios
from shared.money.rated_event import counts_of_usage, rated_with
from shared.money.rating import rate
from tests.unit.relay import drawn
from tests.unit.relay.made import exchange, facts, offer, price

TIER = TierRatios(above_prompt_tokens=1_000, model_ratio=Decimal(2), completion_ratio=Decimal(3))
RICH: dict[str, Any] = {
    "tiers": (TIER,),
    "service_tiers": {"priority": Decimal("1.75"), "flex": Decimal("0.5")},
    "tool_prices": {"web_search": Decimal(10)},
    "output_audio_ratio": Decimal(8),
}
TIERS = st.sampled_from(["", "default", "flex", "priority", "unheard-of"])
COUNTS = st.integers(0, 3_000)


def charged(usage: Usage, *, asked: str = "", **ratios: Any) -> Charge:
    going = exchange(
        offered=offer(of=price(**ratios)), request=facts(service_tier=asked), usage=usage
    )
    return charge_of(going, ANSWERED)


def used(prompt: int = 1_000, completion: int = 100, **more: Any) -> Usage:
    return Usage(prompt_tokens=prompt, completion_tokens=completion, **more)


def rating(charge: Charge) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(charge.rating_json)
    return told


# --- by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "asked", "quota", "told"),
    [
        # Model ratio 1, completion ratio 2; above 1,000 tokens 2 and 3.
        (used(), "", 1_200, {}),
        (used(1_001), "", 2_602, {"tier_above_tokens": 1_000, "model_ratio": "2"}),
        (used(service_tier="priority"), "", 2_100, {"service_tier_ratio": "1.75"}),
        (used(service_tier="flex"), "priority", 600, {"service_tier": "flex"}),
        # It says that it served in the ordinary one, whatever was asked for; or says nothing.
        (used(service_tier="default"), "priority", 1_200, {}),
        (used(), "priority", 2_100, {"service_tier": "priority"}),
        (used(1_001, service_tier="flex"), "", 1_301, {"tier_above_tokens": 1_000}),
        # $10 for 1,000 calls are 5,000 units for one, and no tier of service changes that.
        (used(tool_calls={"web_search": 3, "x": 9}), "", 16_200, {}),
        (used(tool_calls={"web_search": 1}, service_tier="flex"), "", 5_600, {}),
        (used(output_audio_tokens=50), "", 1_500, {"output_audio_ratio": "8"}),
    ],
)
def test_tiers_tools_and_output_media_are_charged_at_their_price(
    usage: Usage, asked: str, quota: int, told: dict[str, Any]
) -> None:
    charge = charged(usage, asked=asked, **RICH)
    assert charge.quota_units == quota
    assert rating(charge).items() >= told.items()


def test_a_plain_price_says_nothing_of_what_it_has_not() -> None:
    told = rating(charged(used(service_tier="priority")))
    assert not told.keys() & {*("tier_above_tokens", "service_tier", "service_tier_ratio")}
    assert not told.keys() & {*("tool_prices", "output_audio_ratio", "output_image_ratio")}


def test_a_call_s_own_price_is_the_same_in_each_tier() -> None:
    charge = charged(used(9_000, service_tier="priority"), **RICH, model_price=Decimal("0.01"))
    assert charge.quota_units == 5_000
    assert not rating(charge).keys() & {"tier_above_tokens", "service_tier"}


# --- whatever is told -----------------------------------------------------------------------------


@given(drawn.PRICES, drawn.USAGES, TIERS, st.data())
def test_the_event_alone_gives_the_same_quota(
    of: Any, usage: Usage, asked: str, data: st.DataObject
) -> None:
    tier = data.draw(st.sampled_from(["", usage.service_tier, *of.ratios.service_tiers]))
    usage = usage.model_copy(update={"service_tier": tier})
    going = exchange(offered=offer(of=of), usage=usage)
    going.facts = facts(service_tier=asked)
    charge = charge_of(going, ANSWERED)
    told = rated_with(rating(charge))
    again = rate(
        counts_of_usage(json.loads(usage.model_dump_json())),
        told.price,
        told.group_ratio,
        told.service_tier_ratio,
    )
    assert again == charge.quota_units


@given(
    prompt=COUNTS,
    completion=COUNTS,
    cached=COUNTS,
    speech=COUNTS,
    served_in=st.sampled_from(["", "default", "flex", "priority"]),
    of=st.sampled_from([RICH, {**RICH, "tiers": ()}, {**RICH, "service_tiers": {}}, {}]),
)
def test_what_a_provider_chooses_was_held(
    *, prompt: int, completion: int, cached: int, speech: int, served_in: str, of: dict[str, Any]
) -> None:
    """Tools that were asked for are in `test_hosted_tools`."""
    offered = offer(of=price(**of))
    asked = facts(text_bytes=prompt, max_output_tokens=completion)
    usage = used(
        prompt,
        completion,
        cached_tokens=min(cached, prompt),
        output_audio_tokens=min(speech, completion),
        service_tier=served_in,
    )
    hold = terms_of(asked, offered).hold_units
    assert charge_of(exchange(offered=offered, request=asked, usage=usage), ANSWERED)[0] <= hold


# --- what may be asked for ------------------------------------------------------------------------


def hold(asked: str, **ratios: Any) -> int:
    return terms_of(facts(service_tier=asked), offer(of=price(**ratios))).hold_units


def test_a_request_holds_the_dearest_that_it_may_be_served_in() -> None:
    ordinary = hold("")
    assert {hold(tier) for tier in ("default", "flex", "standard_only")} == {ordinary}
    tiers = {"service_tiers": RICH["service_tiers"]}
    assert hold("", **tiers) == hold("priority", **tiers) == ordinary * 7 // 4
    # Short of the cheap one a provider may serve in the ordinary one.
    assert hold("flex", **tiers) == hold("default", **tiers) == ordinary


def test_a_tier_without_a_price_is_refused() -> None:
    for ratios in ({}, {"service_tiers": {"flex": Decimal("0.5")}}):
        with pytest.raises(RelayError) as caught:
            hold("priority", **ratios)
        assert (caught.value.http_status, caught.value.param) == (400, "service_tier")
    assert "`auto`, `flex`" in caught.value.message

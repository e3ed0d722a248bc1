"""Web searches at the provider: their calls and what they bring in are priced, bounded and held."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.admission import Offer, terms_of
from services.relay.dialects.anthropic_messages import CountTokens, Messages
from services.relay.dialects.dialect import RequestFacts
from services.relay.dialects.openai_responses import Responses
from services.relay.errors import RelayError
from services.relay.exchange import ANSWERED
from services.relay.leases.payers import payers_of, quota_short
from services.relay.recording.charging import charge_of
from shared.events.usage import Usage
from tests.unit.relay.made import caller, exchange, facts, offer, price
from tests.unit.relay.test_rated_as_told import RICH

SEARCH_PRICE = {"web_search": Decimal(10)}
"""Dollars for 1,000 calls: 5,000 units each."""
CONTEXT = 8_000


def offered(*, context: int | None = CONTEXT, **ratios: Any) -> Offer:
    in_force = price(**{"tool_prices": SEARCH_PRICE, **ratios})
    return offer(of=replace(in_force, max_input_tokens=context))


def response(max_tool_calls: int | None, max_tokens: int = 50, **more: Any) -> RequestFacts:
    body = {"model": "m", "input": "x", "tools": [{"type": "web_search"}], **more}
    body |= {"max_output_tokens": max_tokens, "max_tool_calls": max_tool_calls}
    return Responses().read_request(json.dumps(body).encode())


def message(max_uses: int | None, max_tokens: int = 50) -> RequestFacts:
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": max_uses}
    body = {"model": "m", "messages": [], "max_tokens": max_tokens, "tools": [tool]}
    return Messages().read_request(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("asked", "hold_units"),
    [
        # The model is asked once more than it searches; an output token weighs 2.
        (response(3), 4 * CONTEXT + 50 * 2 + 3 * 5_000),
        # Who names no number gets five.
        (response(None), 6 * CONTEXT + 50 * 2 + 5 * 5_000),
        # Anthropic's rounds are ten whatever `max_uses` is, and each may write the maximum.
        (message(3), 10 * CONTEXT + 10 * 50 * 2 + 3 * 5_000),
        (message(None), 10 * CONTEXT + 10 * 50 * 2 + 5 * 5_000),
        (facts(text_bytes=400, max_output_tokens=50), 400 + 50 * 2),
    ],
)
def test_searches_and_what_they_bring_in_are_held(asked: RequestFacts, hold_units: int) -> None:
    assert terms_of(asked, offered()).hold_units == hold_units


def test_a_request_that_is_longer_than_the_context_holds_no_less_for_a_search() -> None:
    asked = response(1, instructions="y" * 100_000)
    assert terms_of(asked, offered()).hold_units > 100_000 + 5_000


def test_a_call_s_own_price_needs_no_context() -> None:
    per_call = offered(context=None, model_price=Decimal("0.01"))
    assert terms_of(response(3), per_call).hold_units == 5_000 + 15_000


@pytest.mark.parametrize("asked", [response(3), message(3)])
@pytest.mark.parametrize(
    ("of", "why"),
    [
        (offered(tool_prices={}), "no price"),
        (offered(tool_prices={"file_search": Decimal(1)}), "no price"),
        (offered(context=None), "max_input_tokens"),
    ],
)
def test_what_has_no_price_or_no_bound_is_refused(asked: RequestFacts, of: Offer, why: str) -> None:
    with pytest.raises(RelayError) as caught:
        terms_of(asked, of)
    assert (caught.value.http_status, caught.value.param) == (400, "tools")
    assert "`web_search`" in caught.value.message
    assert why in caught.value.message


def test_a_tool_for_nothing_has_a_price() -> None:
    free = offered(tool_prices={"web_search": Decimal(0)})
    assert terms_of(response(1), free).hold_units == 2 * CONTEXT + 100


def test_counting_tokens_stays_free() -> None:
    body = b'{"model":"m","messages":[],"tools":[{"type":"web_search_20250305"}]}'
    counting = CountTokens().read_request(body)
    assert counting.hosted is not None
    assert terms_of(counting, offered()).hold_units == 0


def test_what_a_balance_would_cover_leaves_room_for_the_searches() -> None:
    terms, (*_, account) = terms_of(response(1), offered()), payers_of(caller(), offered())
    told = quota_short(terms, response(1), account, 2 * CONTEXT + 5_000 + 80).message
    assert "`max_tokens` up to 40" in told
    assert "`max_tokens`" not in quota_short(terms, response(1), account, CONTEXT).message


ASKED = st.sampled_from([response, message])
SERVED = st.sampled_from(["", "default", "standard", "flex", "priority"])


@given(
    data=st.data(),
    ask=ASKED,
    named=st.none() | st.integers(1, 50),
    sizes=st.tuples(st.integers(0, 2_000), st.integers(0, 500), st.integers(0, 100)),
    served_in=SERVED,
    ratios=st.sampled_from([RICH, {**RICH, "tiers": ()}, {**RICH, "model_price": Decimal("0.01")}]),
)
def test_whatever_the_searches_bring_in_was_held(
    *,
    data: st.DataObject,
    ask: Callable[[int | None, int], RequestFacts],
    named: int | None,
    sizes: tuple[int, int, int],
    served_in: str,
    ratios: dict[str, Any],
) -> None:
    """Each round is given the whole context at the most; the bound itself counts the calls."""
    context, max_tokens, cached = sizes
    asked = ask(named, max_tokens)
    hosted = asked.hosted
    assert hosted is not None
    ((_, calls),) = hosted.calls
    assert calls == (named or 5)
    rounds = data.draw(st.integers(1, hosted.inputs))
    of = offered(context=context, **ratios)
    usage = Usage(
        prompt_tokens=data.draw(st.integers(0, rounds * context)),
        completion_tokens=data.draw(st.integers(0, hosted.outputs * max_tokens)),
        tool_calls={"web_search": data.draw(st.integers(0, calls))},
        service_tier=served_in,
    )
    usage = usage.model_copy(update={"cached_tokens": min(cached, usage.prompt_tokens)})
    hold = terms_of(asked, of).hold_units
    assert charge_of(exchange(offered=of, request=asked, usage=usage), ANSWERED)[0] <= hold

"""The event's JSON is put together past pydantic, and is what pydantic would have made of it.

An event that its readers cannot read is a charge that is lost.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from services.relay.admission import terms_of
from services.relay.books.prices import GroupRatioInForce, PriceInForce
from services.relay.exchange import AttemptMade, Charge, Ending, Exchange
from services.relay.journal.journal import RESERVED_BYTES
from services.relay.journal.records import CompletedRecord, encode_completed
from services.relay.leases.holds import Hold
from services.relay.recording.completion import (
    completed,
    interrupted,
    record_of,
    rejected,
    skeleton_of,
    time_of,
)
from services.relay.recording.event_json import as_json
from shared.events.event import MAX_EVENT_BYTES
from shared.events.limits import LimitUse
from shared.events.requests import (
    Attempt,
    ErrorCode,
    LeaseUse,
    Outcome,
    Rating,
    RequestCompleted,
)
from shared.events.usage import Usage
from tests.unit.relay import drawn
from tests.unit.relay.event_reference import Opened, answered, rating_of
from tests.unit.relay.made import facts, offer

TAKES_LONG = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
OPENED = st.builds(
    Opened,
    arrival=drawn.ARRIVALS,
    caller=drawn.callers(),
    dialect=drawn.CODES,
    model=drawn.maybe(drawn.NAMES),
    is_stream=st.booleans(),
    request_bytes=drawn.BYTES,
    holds=drawn.HOLDS,
    limits=drawn.LIMITS,
    tags=drawn.TAGS,
)
PARTS: dict[str, type[BaseModel]] = {
    "usage": Usage,
    "rating": Rating,
    "attempts": Attempt,
    "leases": LeaseUse,
    "limits": LimitUse,
}
OF_CLIENT = {"parent_span_id", "origin", "request_host", "client_retry_count"}
WHERE_SET = {
    "usage": {"output_audio_tokens", "output_image_tokens", "tool_calls", "service_tier"},
    "rating": {
        *("output_audio_ratio", "output_image_ratio", "tier_above_tokens"),
        *("service_tier", "service_tier_ratio", "tool_prices"),
    },
}
"""Fields that are left out where they say nothing: few requests have them."""


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latency is the same for the event and for what it is held against."""
    monkeypatch.setattr("time.perf_counter", lambda: drawn.STOPPED_S)


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs), "a key is there twice"
    return dict(pairs)


def objects(name: str, written: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = written[name]
    yield from found if isinstance(found, list) else [found] if found is not None else []


def says(record: CompletedRecord, event: RequestCompleted, holds: Sequence[Hold]) -> None:
    """The record's JSON is that event, whole, each field once and none that the event has not."""
    assert RequestCompleted.model_validate_json(record.value) == event
    written = json.loads(record.value, object_pairs_hook=once_each)
    fields = RequestCompleted.model_fields.keys()
    assert fields - OF_CLIENT <= written.keys() <= fields
    for name, model in PARTS.items():
        for part in objects(name, written):
            fields = model.model_fields.keys()
            assert fields - WHERE_SET.get(name, set()) <= part.keys() <= fields
    assert len(record.value) <= MAX_EVENT_BYTES
    assert len(encode_completed(record)) < RESERVED_BYTES
    assert record.workspace_id == event.workspace_id
    assert record.lease_uses == tuple(
        (hold.lease.lease_id, event.quota if _counts(hold, event) else 0) for hold in holds
    )
    assert time_of(record.completed_at_us) == event.completed_at


def rated(going: Exchange, total_prompt: int, tier: str) -> str:
    terms = going.group_terms
    return terms.rating_json if terms.served is None else terms.served.rated(total_prompt, tier)[1]


def _inputs(usage: Usage) -> tuple[int, ...]:
    if usage.prompt_includes_cached:
        return (usage.prompt_tokens,)
    return usage.prompt_tokens, usage.cached_tokens, usage.cache_creation_tokens


def _counts(hold: Hold, event: RequestCompleted) -> bool:
    """Nothing counts against the budget of a provider that did not serve."""
    return hold.provider_id is None or hold.provider_id == event.provider_id


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[Opened, Exchange, str, PriceInForce, GroupRatioInForce]:
    """One on its way, with the group that it was tried in at last, and what that costs."""
    opened, price = draw(OPENED), draw(drawn.PRICES)
    own, other = opened.caller.group, draw(drawn.NAMES)
    ratios = {own: draw(drawn.GROUP_RATIOS)}
    ratios.setdefault(other, draw(drawn.GROUP_RATIOS))
    offered = offer(of=price, ratios=ratios)
    asked = facts(model=opened.model or "made-up", is_stream=opened.is_stream)
    attempts: list[AttemptMade] = draw(drawn.ATTEMPTS)
    going = Exchange(
        arrival=opened.arrival,
        caller=opened.caller,
        facts=asked,
        terms=terms_of(asked, offered),
        holds=tuple(opened.holds),
        opening=opened.written,
        group_terms=offered.groups[own],
        attempts=attempts,
        channel=draw(drawn.maybe(drawn.CHANNELS)),
        upstream_request_id=draw(drawn.maybe(drawn.LINES)),
        upstream_s=draw(st.floats(0, 10**6)),
        first_byte_at=draw(drawn.maybe(drawn.TIMES)),
        first_byte_ms=draw(drawn.maybe(drawn.MS)),
        response_bytes=draw(drawn.BYTES),
        client_disconnected=draw(st.booleans()),
    )
    is_unmapped: bool = draw(st.booleans())
    if going.attempts and is_unmapped:
        # The model's own name went out, as it does where the channel maps none.
        going.attempts[-1] = going.attempts[-1]._replace(upstream_model=asked.model)
    group = draw(st.sampled_from([own, other]))
    going.use_group(group)
    return opened, going, group, price, ratios[group]


@TAKES_LONG
@given(made=exchanges(), ending=drawn.ENDINGS, charge=drawn.CHARGES, at=drawn.TIMES)
def test_an_admitted_request_is_told_as_it_was(
    made: tuple[Opened, Exchange, str, PriceInForce, GroupRatioInForce],
    ending: Ending,
    charge: Charge,
    at: datetime,
) -> None:
    opened, going, group, price, ratio = made
    tier = charge.usage.service_tier
    if charge.usage.prompt_tokens % 2 and price.ratios.service_tiers:
        # One made up is seldom one of the price's.
        tier = min(price.ratios.service_tiers)
        charge = charge._replace(usage=charge.usage.model_copy(update={"service_tier": tier}))
    total_prompt = sum(_inputs(charge.usage))
    rating = rating_of(price, ratio, total_prompt=total_prompt, service_tier=tier)
    made_for = rated(going, total_prompt, tier)
    record = completed(going, ending, charge._replace(rating_json=made_for), at)
    if tier in {"default", "standard"}:  # which is what nearly every answer says
        charge = charge._replace(usage=charge.usage.model_copy(update={"service_tier": ""}))
    event = answered(opened, going, ending, charge, at=at, group=group, rating=rating)
    says(record, event, opened.holds)
    written = json.loads(record.value)
    usage = written["usage"]
    assert all(usage[field] for field in usage.keys() & WHERE_SET["usage"])
    said = {field: written[field] for field in written.keys() & OF_CLIENT}
    assert not [field for field, value in said.items() if value in ("", None)]
    assert record.request_id == going.arrival.id_bytes
    assert record.traceparent == going.arrival.traceparent


@TAKES_LONG
@given(opened=OPENED, status=drawn.STATUSES, code=drawn.ERROR_CODES, suppressed=drawn.COUNTS)
def test_a_refused_request_is_told_as_it_was(
    opened: Opened, status: int, code: ErrorCode | None, suppressed: int
) -> None:
    ending = Ending(Outcome.REJECTED, status, code)
    told = rejected(
        opened.arrival, opened.caller, opened.written, ending, suppressed_count=suppressed
    )
    event = opened.event(
        group=opened.caller.group,
        outcome=Outcome.REJECTED,
        http_status=status,
        error_code=code,
        suppressed_count=suppressed,
        completed_at=told.completed_at,
        latency_ms=opened.arrival.elapsed_ms(),
    )
    record = record_of(told, opened.arrival.id_bytes, opened.arrival.traceparent)
    says(record, event, opened.holds)


@TAKES_LONG
@given(opened=OPENED, at=drawn.TIMES)
def test_a_request_that_its_relay_did_not_outlive_is_told_from_what_the_journal_kept(
    opened: Opened, at: datetime
) -> None:
    kept = skeleton_of(opened.written, as_json(opened.caller.group), opened.arrival.traceparent)
    record = interrupted(kept, request_id=opened.arrival.id_bytes, now=at)
    event = opened.event(
        group=opened.caller.group,
        outcome=Outcome.INTERRUPTED,
        error_code=ErrorCode.RELAY_DIED,
        http_status=499,
        completed_at=at,
        latency_ms=0,
    )
    says(record, event, opened.holds)
    assert record.traceparent == opened.arrival.traceparent

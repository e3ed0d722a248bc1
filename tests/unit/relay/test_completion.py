"""From an exchange to its one event."""

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest

from services.relay.exchange import Arrival, AttemptMade, Ending, Exchange
from services.relay.journal.journal import RESERVED_BYTES
from services.relay.journal.records import encode_completed
from services.relay.recording.charging import charge_of
from services.relay.recording.completion import (
    completed,
    interrupted,
    record_of,
    skeleton_of,
    time_of,
)
from shared.events.event import MAX_EVENT_BYTES
from shared.events.requests import (
    MAX_ATTEMPTS,
    Attempt,
    ErrorCode,
    LeaseUse,
    Outcome,
    RequestCompleted,
)
from shared.events.usage import Usage, UsageSource
from tests.made_events import request
from tests.unit.relay.made import GROUP, MODEL, channel, exchange, facts, offer, price, routing

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SUCCEEDED = Ending(outcome=Outcome.SUCCEEDED, http_status=200)
CUT = Ending(outcome=Outcome.FAILED, http_status=200, error_code=ErrorCode.UPSTREAM_CUT)
FAILED = Ending(outcome=Outcome.FAILED, http_status=502, error_code=ErrorCode.UPSTREAM_CONNECTION)
USED = Usage(prompt_tokens=10, completion_tokens=20)


def event(going: Exchange, ending: Ending) -> RequestCompleted:
    record = completed(going, ending, charge_of(going, ending), NOW)
    return RequestCompleted.model_validate_json(record.value)


@pytest.mark.parametrize(
    ("ending", "usage", "content_bytes", "quota", "source"),
    [
        (SUCCEEDED, USED, 0, 50, UsageSource.PROVIDER),
        (SUCCEEDED, Usage(), 80, 0, UsageSource.PROVIDER),
        (SUCCEEDED, None, 80, 140, UsageSource.ESTIMATED),
        (SUCCEEDED, None, 81, 142, UsageSource.ESTIMATED),
        (SUCCEEDED, None, 0, 100, UsageSource.ESTIMATED),
        (CUT, USED, 80, 50, UsageSource.PROVIDER),
        (CUT, None, 80, 140, UsageSource.ESTIMATED),
        (CUT, None, 0, 0, UsageSource.NONE),
        (FAILED, None, 0, 0, UsageSource.NONE),
    ],
)
def test_what_each_outcome_is_charged(
    ending: Ending, usage: Usage | None, content_bytes: int, quota: int, source: UsageSource
) -> None:
    """At model ratio 1 and completion ratio 2, for 400 bytes of prompt."""
    going = exchange(usage=usage, content_bytes=content_bytes)
    told = event(going, ending)
    assert (told.quota, told.usage_source) == (quota, source)
    assert (told.outcome, told.error_code) == (ending.outcome, ending.error_code)
    assert (told.http_status, told.completed_at) == (ending.http_status, NOW)
    assert told.hold_quota == 1_000
    assert told.rating is not None
    assert told.rating.price_version == 3


def test_a_failed_call_priced_per_call_costs_nothing() -> None:
    going = exchange(offered=offer(of=price(model_price=Decimal("0.04"))))
    assert event(going, FAILED).quota == 0
    assert event(going, SUCCEEDED).quota == 20_000


def test_every_kind_of_token_that_usage_has_is_charged() -> None:
    """A kind that a dialect reads and the charge leaves out would be free, or charged as plain."""
    ratios = {
        "cache_ratio": Decimal(3),
        "cache_creation_ratio": Decimal(5),
        "image_ratio": Decimal(7),
        "audio_ratio": Decimal(11),
    }
    usage = Usage(
        prompt_tokens=1_111,
        cached_tokens=1,
        cache_creation_tokens=10,
        image_tokens=100,
        audio_tokens=1_000,
        completion_tokens=10_000,
    )
    going = exchange(usage=usage, offered=offer(of=price(**ratios)))
    assert event(going, SUCCEEDED).quota == 3 + 50 + 700 + 11_000 + 20_000


def test_what_was_told_of_a_cut_streams_input_stands_and_its_output_is_estimated() -> None:
    """By bytes the cached tokens would be lost, or cost as much as plain ones."""
    told_input = Usage(prompt_tokens=100, cached_tokens=1_000, prompt_includes_cached=False)
    ratios = offer(of=price(cache_ratio=Decimal("0.1")))
    going = exchange(told_input=told_input, content_bytes=41, offered=ratios)
    made = event(going, CUT)
    assert made.usage == told_input.model_copy(update={"completion_tokens": 11})
    assert made.usage_source is UsageSource.ESTIMATED
    assert made.quota == 100 + 100 + 22
    nothing_yet = event(exchange(told_input=told_input, offered=ratios), CUT)
    assert (nothing_yet.quota, nothing_yet.usage_source) == (0, UsageSource.NONE)
    told = exchange(told_input=told_input, usage=USED, offered=ratios)
    assert event(told, SUCCEEDED).usage == USED


def test_the_cache_of_an_hour_is_charged_apart() -> None:
    ratios = {"cache_creation_ratio": Decimal(5), "cache_creation_1h_ratio": Decimal(7)}
    usage = Usage(
        prompt_tokens=1,
        cache_creation_tokens=30,
        cache_creation_1h_tokens=10,
        prompt_includes_cached=False,
    )
    assert (
        event(exchange(usage=usage, offered=offer(of=price(**ratios))), SUCCEEDED).quota
        == 1 + 100 + 70
    )


def test_media_are_in_an_estimate_and_not_in_what_was_told() -> None:
    seen = facts(media_count=1, likely_media_count=1)
    assert event(exchange(request=seen, content_bytes=80), SUCCEEDED).quota == 640
    told_input = Usage(prompt_tokens=7)
    told = exchange(request=seen, content_bytes=80, told_input=told_input)
    assert event(told, CUT).quota == 7 + 40


@pytest.mark.parametrize(("ending", "status"), [(SUCCEEDED, 200), (CUT, 499), (FAILED, 499)])
def test_a_client_that_left(ending: Ending, status: int) -> None:
    told = event(exchange(client_disconnected=True, usage=USED), ending)
    assert (told.client_disconnected, told.http_status) == (True, status)


(CHANNEL,) = routing(channel(1)).tiers(MODEL, GROUP, "openai")[0]


def attempt(upstream_model: str = MODEL) -> AttemptMade:
    return AttemptMade(
        channel=CHANNEL,
        credential_id=10,
        upstream_model=upstream_model,
        offset_ms=0,
        latency_ms=1,
        http_status=None,
        error_code=None,
    )


def test_the_upstream_model_is_the_last_attempts() -> None:
    tries = [attempt(), attempt("up/mini")]
    told = event(exchange(attempts=tries, usage=USED), SUCCEEDED)
    assert (told.upstream_model, told.is_model_mapped) == ("up/mini", True)
    told = event(exchange(attempts=tries[:1], usage=USED), SUCCEEDED)
    assert (told.upstream_model, told.is_model_mapped) == (MODEL, False)
    told = event(exchange(), FAILED)
    assert (told.upstream_model, told.is_model_mapped) == (None, False)
    assert told.upstream_latency_ms is None


def test_more_attempts_than_an_event_holds_are_cut() -> None:
    told = event(exchange(attempts=[attempt()] * 40), FAILED)
    assert len(told.attempts) == MAX_ATTEMPTS


def test_what_a_relay_left_open_is_interrupted_and_costs_nothing() -> None:
    going = exchange(request=facts(is_stream=True))
    kept = skeleton_of(going.opening, going.group_terms.group_json, going.arrival.traceparent)
    record = interrupted(kept, request_id=going.arrival.id_bytes, now=NOW)
    told = RequestCompleted.model_validate_json(record.value)
    assert (told.outcome, told.error_code) == (Outcome.INTERRUPTED, ErrorCode.RELAY_DIED)
    assert (told.quota, told.hold_quota, told.is_stream) == (0, 1_000, True)
    assert told.request_id == going.arrival.request_id
    assert told.started_at == going.arrival.started_at
    assert told.leases == (LeaseUse(lease_id="lease-1", subject="account:7"),)
    assert record.lease_uses == (("lease-1", 0),)
    assert record.traceparent == going.arrival.traceparent
    assert time_of(record.completed_at_us) == NOW


def test_the_record_is_the_event() -> None:
    going = exchange(usage=USED)
    told = event(going, SUCCEEDED)
    record = record_of(told, going.arrival.id_bytes, "trace")
    assert RequestCompleted.model_validate_json(record.value) == told
    assert record.lease_uses == (("lease-1", 50),)
    assert time_of(record.completed_at_us) == NOW


WIDEST = "\U0001f600"


def largest(leases: int) -> RequestCompleted:
    """Every string at its longest, in characters of four bytes; every list at its end."""
    name, line, code = WIDEST * 128, WIDEST * 256, "c" * 64
    crowd = tuple(
        Attempt(
            channel_name=name,
            provider=name,
            upstream_model=name,
            channel_id=2**63 - 1,
            offset_ms=0,
            latency_ms=1,
        )
        for _ in range(MAX_ATTEMPTS)
    )
    return request(
        request_id=code,
        workspace_name=name,
        project_name=name,
        key_name=name,
        username=name,
        dialect=code,
        method=code,
        path=line,
        query_parameters=(code,) * 16,
        group=name,
        user_group=name,
        requested_model=name,
        upstream_model=name,
        channel_name=name,
        provider=name,
        attempts=crowd,
        upstream_request_id=line,
        leases=tuple(LeaseUse(lease_id=code, subject=code) for _ in range(leases)),
        cache_key=code,
        client_address=WIDEST * 64,
        user_agent=line,
        tags={f"{number}{'t' * 63}": line for number in range(10)},
        fitted=(code,) * 32,
    )


def test_the_largest_event_fits_the_topic_and_the_room_that_was_kept_for_it() -> None:
    record = record_of(largest(8), b"i" * 16, "t" * 55)
    assert len(record.value) <= MAX_EVENT_BYTES
    assert len(encode_completed(record)) < RESERVED_BYTES
    RequestCompleted.model_validate_json(record.value)


def test_an_event_that_outgrows_its_bound_loses_what_it_can_spare(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No valid event does today; one more field could make one, and a charge must not be lost."""
    whole = largest(8)
    size = len(whole.model_dump_json().encode())
    monkeypatch.setattr("services.relay.recording.completion.MAX_EVENT_BYTES", size - 1)
    record = record_of(whole, b"i" * 16, "t" * 55)
    told = RequestCompleted.model_validate_json(record.value)
    assert len(record.value) < size
    assert (told.quota, told.leases) == (whole.quota, whole.leases)
    assert (told.attempts, told.tags) == (whole.attempts[-1:], {})
    assert set(told.fitted) >= {"attempts", "tags", "user_agent"}


def test_nothing_that_was_said_can_be_kept_of_a_request() -> None:
    """What an exchange and an arrival hold is all that an event can be made of."""
    held = {field.name for of in (Exchange, Arrival) for field in fields(of)}
    assert not held & {"body", "messages", "prompt", "content", "headers", "query", "answer"}
    going = exchange()
    kept = orjson.loads(skeleton_of(going.opening, going.group_terms.group_json, "t"))["event"]
    assert kept.keys() <= RequestCompleted.model_fields.keys()

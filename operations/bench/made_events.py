"""Completed requests as a relay publishes them, for filling a topic."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from shared.events.catalog import RELAY_REQUESTS
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.events.requests import Attempt, LeaseUse, Outcome, Rating, RequestCompleted
from shared.events.usage import Usage, UsageSource
from shared.kafka.records import OutgoingRecord

_MODELS: Final = ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "gpt-4.1-mini")
_KEYS_PER_WORKSPACE: Final = 4
_SOURCE: Final = "ledgerline/relay/bench"
_TRACE: Final = "00-{trace}-00f067aa0ba902b7-01"
_ONE: Final = Decimal(1)
_RATING: Final = Rating(
    price_version=3,
    model_ratio=Decimal("0.075"),
    completion_ratio=Decimal(4),
    cache_ratio=Decimal("0.5"),
    cache_creation_ratio=_ONE,
    image_ratio=_ONE,
    audio_ratio=_ONE,
    group_ratio=_ONE,
)


def made_records(count: int, *, workspaces: int) -> Iterator[OutgoingRecord]:
    """`count` requests that succeeded just now, over so many workspaces, in turn."""
    now = datetime.now(UTC)
    for number in range(count):
        event = _event(number, workspaces, now)
        attributes = Attributes(
            id=event.request_id,
            source=_SOURCE,
            time=event.completed_at,
            traceparent=_TRACE.format(trace=event.request_id.replace("-", "")),
        )
        yield OutgoingRecord(
            topic=RELAY_REQUESTS.name,
            key=b"%d" % event.workspace_id,
            value=encode_value(event),
            headers=encode_headers(event.TYPE, attributes),
        )


def _event(number: int, workspaces: int, now: datetime) -> RequestCompleted:
    workspace_id = number % workspaces + 1
    user_id = workspace_id * 10
    key_id = workspace_id * 100 + number // workspaces % _KEYS_PER_WORKSPACE
    model = _MODELS[number // 7 % len(_MODELS)]
    started_at = now - timedelta(milliseconds=1700)
    return RequestCompleted(
        request_id=new_event_id(),
        workspace_id=workspace_id,
        workspace_name=f"workspace {workspace_id}",
        key_id=key_id,
        key_name=f"key {key_id}",
        user_id=user_id,
        username=f"user-{user_id}",
        dialect="openai",
        method="POST",
        path="/v1/chat/completions",
        group="default",
        user_group="default",
        requested_model=model,
        upstream_model=model,
        channel_id=1,
        channel_name="primary",
        provider="openai",
        attempts=(
            Attempt(
                channel_id=1,
                channel_name="primary",
                provider="openai",
                upstream_model=model,
                offset_ms=1,
                latency_ms=1690,
                http_status=200,
            ),
        ),
        upstream_request_id=f"req_{number:024x}",
        is_stream=number % 2 == 0,
        outcome=Outcome.SUCCEEDED,
        http_status=200,
        usage=Usage(prompt_tokens=200 + number % 100, completion_tokens=50 + number % 50),
        usage_source=UsageSource.PROVIDER,
        quota=40 + number % 25,
        hold_quota=900,
        rating=_RATING,
        leases=(LeaseUse(lease_id=f"bench:{workspace_id}", subject=f"account:{workspace_id}"),),
        request_bytes=1200,
        response_bytes=9000,
        started_at=started_at,
        first_byte_at=started_at + timedelta(milliseconds=300),
        completed_at=now,
        latency_ms=1700,
        first_byte_ms=300,
        upstream_latency_ms=1690,
        client_address="192.0.2.1",
        user_agent="OpenAI/Python 1.99.0",
    )

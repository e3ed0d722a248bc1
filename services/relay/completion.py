"""From an exchange to its one event: the charge, `RequestCompleted`, and the journal's record."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from services.relay.exchange import Arrival, Charge, Ending, Exchange
from services.relay.holds import Hold
from services.relay.journal.records import CompletedRecord
from shared.events.event import MAX_EVENT_BYTES
from shared.events.requests import (
    MAX_ATTEMPTS,
    ErrorCode,
    Outcome,
    Rating,
    RequestCompleted,
)
from shared.events.text import fit_text
from shared.events.usage import Usage, UsageSource
from shared.money.rating import UnitCounts, rate

_BYTES_PER_TOKEN: Final = 4
_NOTHING: Final = Usage()
_CLIENT_GONE_STATUS: Final = 499
UTC_MICROSECONDS: Final = 1_000_000


def charge_of(exchange: Exchange, ending: Ending) -> Charge:
    """What the request is charged.

    By the provider's usage where there is one; by an estimate of what was passed on where an
    answer had begun; nothing where none had.
    """
    if exchange.facts.is_free:
        return Charge(0, _NOTHING, UsageSource.NONE)
    has_answer = ending.outcome is Outcome.SUCCEEDED or exchange.content_bytes > 0
    if exchange.usage is not None:
        usage, source = exchange.usage, UsageSource.PROVIDER
    elif has_answer:
        usage = estimate(exchange)
        source = UsageSource.ESTIMATED
    else:
        return Charge(0, _NOTHING, UsageSource.NONE)
    for_an_hour = min(usage.cache_creation_tokens, usage.cache_creation_1h_tokens)
    units = UnitCounts(
        prompt=usage.prompt_tokens,
        completion=usage.completion_tokens,
        cached=usage.cached_tokens,
        cache_creation=usage.cache_creation_tokens - for_an_hour,
        cache_creation_1h=for_an_hour,
        image=usage.image_tokens,
        audio=usage.audio_tokens,
        prompt_includes_cached=usage.prompt_includes_cached,
    )
    quota = rate(units, exchange.price.ratios, exchange.group_ratio.ratio)
    return Charge(quota, usage, source)


def estimate(exchange: Exchange) -> Usage:
    """Tokens by bytes / 4 and by likely media, where the provider told none.

    What it told of the input stands.
    """
    completion_tokens = -(-exchange.content_bytes // _BYTES_PER_TOKEN)
    if exchange.told_input is not None:
        return exchange.told_input.model_copy(update={"completion_tokens": completion_tokens})
    text_tokens = -(-exchange.facts.text_bytes // _BYTES_PER_TOKEN)
    return Usage(
        prompt_tokens=text_tokens + exchange.likely_media_tokens,
        completion_tokens=completion_tokens,
    )


def event_of(
    exchange: Exchange, ending: Ending, charge: Charge, completed_at: datetime
) -> RequestCompleted:
    """The event of an admitted request."""
    channel = exchange.channel
    ratios = exchange.price.ratios
    group_ratio = exchange.group_ratio
    gone = exchange.client_disconnected and ending.outcome is not Outcome.SUCCEEDED
    upstream_model = exchange.attempts[-1].upstream_model if exchange.attempts else None
    return RequestCompleted(
        **exchange.base,
        channel_id=channel.channel_id if channel else None,
        channel_name=channel.name if channel else None,
        provider=channel.provider if channel else None,
        provider_id=channel.provider_id if channel else None,
        upstream_model=upstream_model,
        is_model_mapped=upstream_model not in (None, exchange.facts.model),
        attempts=tuple(exchange.attempts[:MAX_ATTEMPTS]),
        upstream_request_id=exchange.upstream_request_id,
        outcome=ending.outcome,
        error_code=ending.error_code,
        http_status=_CLIENT_GONE_STATUS if gone else ending.http_status,
        client_disconnected=exchange.client_disconnected,
        usage=charge.usage,
        usage_source=charge.source,
        quota=charge.quota_units,
        rating=Rating(
            price_version=exchange.price.version,
            model_ratio=ratios.model_ratio,
            completion_ratio=ratios.completion_ratio,
            cache_ratio=ratios.cache_ratio,
            cache_creation_ratio=ratios.cache_creation_ratio,
            cache_creation_1h_ratio=ratios.cache_creation_1h_ratio,
            image_ratio=ratios.image_ratio,
            audio_ratio=ratios.audio_ratio,
            group_ratio=group_ratio.ratio,
            user_group_ratio=group_ratio.ratio if group_ratio.is_for_user_group else None,
            model_price=ratios.model_price,
        ),
        response_bytes=exchange.response_bytes,
        first_byte_at=exchange.first_byte_at,
        first_byte_ms=exchange.first_byte_ms,
        upstream_latency_ms=int(exchange.upstream_s * 1000) if exchange.attempts else None,
        completed_at=completed_at,
        latency_ms=exchange.arrival.elapsed_ms(),
    )


def base_fields(
    arrival: Arrival,
    caller_fields: dict[str, Any],
    *,
    dialect: str,
    model: str | None,
    is_stream: bool,
    request_bytes: int,
) -> dict[str, Any]:
    """The event's fields that are known when a request is admitted or refused.

    All of it can be written as JSON: the journal keeps it, should the relay die.
    """
    return {
        "request_id": arrival.request_id,
        **caller_fields,
        "dialect": dialect,
        "method": arrival.method,
        "path": arrival.path,
        "query_parameters": arrival.query_parameters,
        "requested_model": model,
        "is_stream": is_stream,
        "request_bytes": request_bytes,
        "started_at": arrival.started_at,
        "client_address": arrival.client_address,
        "user_agent": arrival.user_agent,
        "fitted": arrival.fitted,
    }


def hold_fields(holds: Sequence[Hold]) -> dict[str, Any]:
    """The event's fields about what was set aside: as much from each lease."""
    return {
        "hold_quota": holds[0].units if holds else 0,
        "leases": [{"lease_id": h.lease.lease_id, "subject": h.lease.subject} for h in holds],
    }


def skeleton_of(base: dict[str, Any], traceparent: str) -> bytes:
    """What the journal keeps of an admitted request."""
    return orjson.dumps({"traceparent": traceparent, "event": base})


def interrupted(skeleton: bytes, *, request_id: bytes, now: datetime) -> CompletedRecord:
    """The completion of a request whose relay died before it had one. It costs nothing."""
    kept = orjson.loads(skeleton)
    event = RequestCompleted.model_validate(
        {
            **kept["event"],
            "outcome": Outcome.INTERRUPTED,
            "error_code": ErrorCode.RELAY_DIED,
            "http_status": _CLIENT_GONE_STATUS,
            "completed_at": now,
            "latency_ms": 0,
        }
    )
    return record_of(event, request_id, kept["traceparent"])


def record_of(event: RequestCompleted, request_id: bytes, traceparent: str) -> CompletedRecord:
    """The journal's record of an event. An event that is too large loses what it can spare."""
    value = event.__pydantic_serializer__.to_json(event)
    if len(value) > MAX_EVENT_BYTES:
        event = event.model_copy(
            update={
                "attempts": event.attempts[-1:],
                "tags": {},
                "user_agent": fit_text(event.user_agent, 32),
                "fitted": (*event.fitted[:24], "attempts", "tags", "user_agent"),
            }
        )
        value = event.__pydantic_serializer__.to_json(event)
    return CompletedRecord(
        request_id=request_id,
        completed_at_us=round(event.completed_at.timestamp() * UTC_MICROSECONDS),
        workspace_id=event.workspace_id,
        traceparent=traceparent,
        lease_uses=tuple((use.lease_id, event.quota) for use in event.leases),
        value=value,
    )


def time_of(microseconds: int) -> datetime:
    """A time of the journal's."""
    return datetime.fromtimestamp(microseconds / UTC_MICROSECONDS, UTC)

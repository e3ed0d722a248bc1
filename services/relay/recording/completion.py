"""The one event of each request, as the JSON that goes to the journal and from there to Kafka.

It is put together from parts that were made once: of the caller, the channel, the price. That it
is what `RequestCompleted` says is held by a property test. What is written at admission (the
`opening`) and at completion are two halves of one object.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from services.relay.callers.caller import ApiCaller
from services.relay.exchange import Arrival, AttemptMade, Charge, Ending, Exchange
from services.relay.journal.records import CompletedRecord
from services.relay.leases.holds import Hold
from services.relay.recording.event_json import as_json, members
from shared.events.event import MAX_EVENT_BYTES
from shared.events.requests import MAX_ATTEMPTS, ErrorCode, Outcome, RequestCompleted
from shared.events.text import fit_text
from shared.events.usage import Usage, UsageSource
from shared.money.quota import QUOTA_PER_UNIT
from shared.telemetry.times import iso_utc

_CLIENT_GONE_STATUS: Final = 499
UTC_MICROSECONDS: Final = 1_000_000
_NO_LIMITS: Final = (
    '"rate_limited":null,"rate_limit_remaining":null,"rate_limit_reset_at":null,"limits":[]'
)
_NO_CHANNEL: Final = '"channel_id":null,"channel_name":null,"provider":null,"provider_id":null'

_ORDINARY_TIERS: Final = frozenset({"", "default", "standard"})
"""What nearly every answer says, in words of its own."""
_RARE: Final = {"output_audio_tokens", "output_image_tokens", "tool_calls", "service_tier"}
# An enum's `value` is a Python call each time.
_VALUES: Final[Mapping[Outcome | UsageSource, str]] = {
    each: each.value for kind in (Outcome, UsageSource) for each in kind
}
_CODES: Final[Mapping[ErrorCode | None, str]] = {
    None: "null",
    **{code: f'"{code.value}"' for code in ErrorCode},
}
value_of: Final = _VALUES.__getitem__
code_json: Final = _CODES.__getitem__


def opening_json(
    arrival: Arrival,
    caller: ApiCaller,
    *,
    dialect: str,
    model_json: str = "null",
    is_stream: bool = False,
    request_bytes: int = 0,
    holds: Sequence[Hold] = (),
    limits: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """The event's members that are known when a request is admitted or refused, but its group."""
    return (
        f'"request_id":"{arrival.request_id}",{caller.event_json},'
        f"{_call_json(dialect, arrival.method, arrival.path, arrival.query_parameters)},"
        f'"requested_model":{model_json},"is_stream":{_bool(is_stream)},'
        f'"request_bytes":{request_bytes},"started_at":"{iso_utc(arrival.started_at)}",'
        f'"client_address":{as_json(arrival.client_address)},'
        f'"user_agent":{as_json(arrival.user_agent)},{_client_json(arrival)}'
        f'"fitted":{orjson.dumps(arrival.fitted).decode() if arrival.fitted else "[]"},'
        f'"tags":{orjson.dumps(tags).decode() if tags else "{}"},'
        f'"hold_quota":{holds[0].units if holds else 0},'
        f'"leases":[{",".join(_lease_json(h.lease.lease_id, h.lease.subject) for h in holds)}],'
        f"{members(limits) if limits else _NO_LIMITS}"
    )


def skeleton_of(opening: str, group_json: str, traceparent: str) -> bytes:
    """What the journal keeps of an admitted request."""
    return f'{{"traceparent":"{traceparent}","event":{{{opening},"group":{group_json}}}}}'.encode()


def completed(exchange: Exchange, ending: Ending, charge: Charge, at: datetime) -> CompletedRecord:
    """The journal's record of an admitted request."""
    arrival = exchange.arrival
    quota = charge.quota_units
    return CompletedRecord(
        arrival.id_bytes,
        round(at.timestamp() * UTC_MICROSECONDS),
        exchange.caller.key.workspace_id,
        arrival.traceparent,
        tuple(
            [
                (
                    hold.lease.lease_id,
                    quota if hold.provider_id is None else exchange.used_of(hold, quota),
                )
                for hold in exchange.holds
            ]
        ),
        _fitting(f"{{{exchange.opening},{_ending_json(exchange, ending, charge, at)}}}".encode()),
    )


def rejected(
    arrival: Arrival, caller: ApiCaller, opening: str, ending: Ending, *, suppressed_count: int
) -> RequestCompleted:
    """The event of a request that was refused."""
    return _without_answer(
        f'{{{opening},"group":{as_json(caller.group)}}}'.encode(),
        ending,
        suppressed_count=suppressed_count,
        completed_at=datetime.now(UTC),
        latency_ms=arrival.elapsed_ms(),
    )


def interrupted(skeleton: bytes, *, request_id: bytes, now: datetime) -> CompletedRecord:
    """The completion of a request whose relay died before it had one. It costs nothing."""
    kept = orjson.loads(skeleton)
    ending = Ending(Outcome.INTERRUPTED, _CLIENT_GONE_STATUS, ErrorCode.RELAY_DIED)
    event = _without_answer(orjson.dumps(kept["event"]), ending, completed_at=now, latency_ms=0)
    return record_of(event, request_id, kept["traceparent"])


def started_at(skeleton: bytes) -> datetime:
    """When a request began, of which the journal kept this."""
    return datetime.fromisoformat(orjson.loads(skeleton)["event"]["started_at"])


def record_of(event: RequestCompleted, request_id: bytes, traceparent: str) -> CompletedRecord:
    """The journal's record of an event."""
    return CompletedRecord(
        request_id=request_id,
        completed_at_us=round(event.completed_at.timestamp() * UTC_MICROSECONDS),
        workspace_id=event.workspace_id,
        traceparent=traceparent,
        lease_uses=tuple((use.lease_id, event.quota) for use in event.leases),
        value=_fitting(event.__pydantic_serializer__.to_json(event)),
    )


def time_of(microseconds: int) -> datetime:
    """A time of the journal's."""
    return datetime.fromtimestamp(microseconds / UTC_MICROSECONDS, UTC)


def _ending_json(exchange: Exchange, ending: Ending, charge: Charge, at: datetime) -> str:
    attempts, channel, terms = exchange.attempts, exchange.channel, exchange.group_terms
    upstream_model = attempts[-1].upstream_model if attempts else None
    is_mapped = upstream_model is not None and upstream_model != exchange.facts.model
    gone = exchange.client_disconnected and ending.outcome is not Outcome.SUCCEEDED
    upstream_ms = str(int(exchange.upstream_s * 1000)) if attempts else "null"
    first_byte_at, first_byte_ms = exchange.first_byte_at, exchange.first_byte_ms
    usage = charge.usage
    upstream_id = "null"
    if exchange.upstream_request_id is not None:
        upstream_id = orjson.dumps(exchange.upstream_request_id).decode()
    return (
        f'"group":{terms.group_json},"upstream_model":{as_json(upstream_model)},'
        f'"is_model_mapped":{_bool(is_mapped)},'
        f"{_NO_CHANNEL if channel is None else channel.event_json},"
        f'"attempts":[{",".join([_attempt_json(each) for each in attempts[:MAX_ATTEMPTS]])}],'
        f'"upstream_request_id":{upstream_id},'
        f'"outcome":"{_VALUES[ending.outcome]}","error_code":{_CODES[ending.error_code]},'
        f'"http_status":{_CLIENT_GONE_STATUS if gone else ending.http_status},'
        f'"client_disconnected":{_bool(exchange.client_disconnected)},"suppressed_count":0,'
        f'"usage":{{"prompt_tokens":{usage.prompt_tokens},'
        f'"completion_tokens":{usage.completion_tokens},"cached_tokens":{usage.cached_tokens},'
        f'"cache_creation_tokens":{usage.cache_creation_tokens},'
        f'"cache_creation_1h_tokens":{usage.cache_creation_1h_tokens},'
        f'"image_tokens":{usage.image_tokens},"audio_tokens":{usage.audio_tokens},'
        f'"reasoning_tokens":{usage.reasoning_tokens},'
        f'"prompt_includes_cached":{_bool(usage.prompt_includes_cached)}{_rare_json(usage)}}},'
        f'"usage_source":"{_VALUES[charge.source]}","quota":{charge.quota_units},'
        f'"quota_per_unit":{QUOTA_PER_UNIT},"rating":{charge.rating_json},'
        f'"response_bytes":{exchange.response_bytes},'
        f'"first_byte_at":{"null" if first_byte_at is None else _quoted(first_byte_at)},'
        f'"completed_at":{_quoted(at)},"latency_ms":{exchange.arrival.elapsed_ms()},'
        f'"first_byte_ms":{"null" if first_byte_ms is None else first_byte_ms},'
        f'"upstream_latency_ms":{upstream_ms},"cache_hit":null,"cache_key":null'
    )


def _rare_json(usage: Usage) -> str:
    """Of the usage what few requests have, as further members."""
    has_none = usage.service_tier in _ORDINARY_TIERS and not (
        usage.tool_calls or usage.output_audio_tokens or usage.output_image_tokens
    )
    if has_none:
        return ""
    told = usage.model_dump(include=_RARE, exclude_defaults=True)
    if usage.service_tier in _ORDINARY_TIERS:
        told.pop("service_tier", None)
    return f",{members(told)}"


def _attempt_json(made: AttemptMade) -> str:
    status = made.http_status
    return (
        f'{{{made.channel.event_json},"credential_id":{made.credential_id or "null"},'
        f'"upstream_model":{as_json(made.upstream_model)},"offset_ms":{made.offset_ms},'
        f'"latency_ms":{made.latency_ms},"http_status":{"null" if status is None else status},'
        f'"error_code":{_CODES[made.error_code]}}}'
    )


def _without_answer(opening: bytes, ending: Ending, **known: Any) -> RequestCompleted:
    return RequestCompleted.model_validate(
        {
            **orjson.loads(opening),
            "outcome": ending.outcome,
            "error_code": ending.error_code,
            "http_status": ending.http_status,
            **known,
        }
    )


def _fitting(value: bytes) -> bytes:
    """An event that is too large loses what it can spare."""
    if len(value) <= MAX_EVENT_BYTES:
        return value
    event = RequestCompleted.model_validate_json(value)
    event = event.model_copy(
        update={
            "attempts": event.attempts[-1:],
            "tags": {},
            "user_agent": fit_text(event.user_agent, 32),
            "fitted": (*event.fitted[:24], "attempts", "tags", "user_agent"),
        }
    )
    return event.__pydantic_serializer__.to_json(event)


def _client_json(arrival: Arrival) -> str:
    """Of what a client said of itself what is there: most say no more than a host."""
    told = f'"request_host":{as_json(arrival.request_host)},' if arrival.request_host else ""
    if arrival.parent_span_id is not None:
        told += f'"parent_span_id":"{arrival.parent_span_id}",'
    if arrival.origin:
        told += f'"origin":{as_json(arrival.origin)},'
    if arrival.client_retry_count is not None:
        told += f'"client_retry_count":{arrival.client_retry_count},'
    return told


@lru_cache(1024)
def _call_json(dialect: str, method: str, path: str, query_parameters: tuple[str, ...]) -> str:
    return members(
        {
            "dialect": dialect,
            "method": method,
            "path": path,
            "query_parameters": query_parameters,
        }
    )


@lru_cache(4096)
def _lease_json(lease_id: str, subject: str) -> str:
    return orjson.dumps({"lease_id": lease_id, "subject": subject}).decode()


def _quoted(at: datetime) -> str:
    return f'"{iso_utc(at)}"'


def _bool(value: bool) -> str:  # it is what is written
    return "true" if value else "false"

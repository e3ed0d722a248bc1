"""From a completed request to its log row. Pure."""

from typing import Any, Final

from services.logging.rows.error_sentences import sentence
from services.logging.rows.logged_request import LoggedRequest
from services.logging.rows.rows import LogRow, LogType, json_text
from shared.events.ids import event_uuid
from shared.events.requests import ErrorCode, Outcome

_SUCCEEDED: Final = Outcome.SUCCEEDED.value
_CONSUMPTION: Final = int(LogType.CONSUMPTION)
_ERROR: Final = int(LogType.ERROR)
_SELDOM_USED: Final = (
    "cache_creation_tokens",
    "cache_creation_1h_tokens",
    "image_tokens",
    "audio_tokens",
    "reasoning_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "tool_calls",
)
"""What was used that a row names only where there is some."""
_SELDOM_RATED: Final[dict[str, object]] = {
    "output_audio_ratio": None,
    "output_image_ratio": None,
    "tier_above_tokens": None,
    "service_tier": "",
    "service_tier_ratio": 1.0,
    "tool_prices": {},
}
"""Figures of a price that a row names only where they are not these."""
NAMED_BY_ROW: Final = ("channel_name", "provider", "upstream_model")
"""What an attempt at the row's own channel does not repeat."""


def request_row(event: LoggedRequest, trace_id: str = "") -> LogRow:
    """Consumption where it succeeded, else an error; the quota is the event's either way.

    `trace_id` is that of the record's trace context; empty where it has none.
    """
    succeeded = event.outcome == _SUCCEEDED
    return LogRow(
        event_id=event_uuid(event.request_id),
        workspace_id=event.workspace_id,
        user_id=event.user_id,
        created_at=int(event.completed_at.timestamp()),
        type=_CONSUMPTION if succeeded else _ERROR,
        content=sentence(
            event.outcome, event.error_code, client_disconnected=event.client_disconnected
        ),
        username=event.username,
        token_name=event.key_name,
        model_name=event.requested_model or "",
        quota=event.quota,
        prompt_tokens=event.usage.prompt_tokens,
        completion_tokens=event.usage.completion_tokens,
        use_time=event.latency_ms // 1000,
        is_stream=event.is_stream,
        channel_id=event.channel_id or 0,
        channel_name=event.channel_name or "",
        token_id=event.key_id,
        group=event.group,
        ip=event.client_address,
        request_id=event.request_id,
        upstream_request_id=event.upstream_request_id or "",
        other=json_text(_other(event, trace_id)),
    )


def _other(event: LoggedRequest, trace_id: str) -> dict[str, object]:
    # A model's fields are its __dict__, in order: asking it for a copy takes many times as long.
    other: dict[str, object] = {}
    if event.rating is not None:
        other = event.rating.__dict__.copy()
        for name, usual in _SELDOM_RATED.items():
            if other[name] == usual:
                del other[name]
    usage = event.usage.__dict__
    other |= {
        "cache_tokens": usage["cached_tokens"],
        "frt": event.first_byte_ms or 0,
        "is_model_mapped": event.is_model_mapped,
        "upstream_model_name": event.upstream_model or "",
        "provider": event.provider or "",
        "request_path": event.path,
        "stream_status": _stream_status(event),
        "usage_source": event.usage_source,
        "client_disconnected": event.client_disconnected,
        "outcome": event.outcome,
        "error_code": event.error_code,
        "http_status": event.http_status,
        "latency_ms": event.latency_ms,
    }
    other |= {name: usage[name] for name in _SELDOM_USED if usage[name]}
    if not usage["prompt_includes_cached"]:
        other["prompt_includes_cached"] = False
    if event.suppressed_count:
        other["suppressed_count"] = event.suppressed_count
    if event.tags:
        other["tags"] = event.tags
    if trace_id:
        other["trace"] = trace_id
    other["admin_info"] = _for_admins(event)
    return other


def _for_admins(event: LoggedRequest) -> dict[str, object]:
    """What is bounded by the event's own bounds: 16 attempts, 8 limits, 8 leases."""
    told: dict[str, object] = {
        "use_channel": [str(tried.get("channel_id", "")) for tried in event.attempts],
        "attempts": [_tried(tried, event) for tried in event.attempts],
        "hold_quota": event.hold_quota,
        "leases": event.leases,
    }
    if event.limits:
        told["limits"] = event.limits
    return told


def _tried(tried: dict[str, Any], event: LoggedRequest) -> dict[str, Any]:
    """An attempt, without what its row says already."""
    if tried.get("channel_id") != event.channel_id:
        return tried
    told = tried.copy()
    for name in NAMED_BY_ROW:
        told.pop(name, None)
    return told


def _stream_status(event: LoggedRequest) -> str | None:
    """Null where it was not a stream."""
    if not event.is_stream:
        return None
    if event.error_code == ErrorCode.UPSTREAM_CUT:
        return "cut"
    if event.outcome != Outcome.SUCCEEDED:
        return "failed"
    return "client_gone" if event.client_disconnected else "completed"

"""From a completed request to its log row. Pure."""

from services.logging.error_sentences import sentence
from services.logging.logged_request import LoggedRequest
from services.logging.rows import LogRow, LogType, json_text
from shared.events.ids import event_uuid
from shared.events.requests import ErrorCode, Outcome


def request_row(event: LoggedRequest) -> LogRow:
    """Consumption where it succeeded, else an error; the quota is the event's either way."""
    succeeded = event.outcome == Outcome.SUCCEEDED
    return LogRow(
        event_id=event_uuid(event.request_id),
        workspace_id=event.workspace_id,
        user_id=event.user_id,
        created_at=int(event.completed_at.timestamp()),
        type=int(LogType.CONSUMPTION if succeeded else LogType.ERROR),
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
        other=json_text(_other(event)),
    )


def _other(event: LoggedRequest) -> dict[str, object]:
    other: dict[str, object] = {} if event.rating is None else event.rating.model_dump()
    other |= {
        "cache_tokens": event.usage.cached_tokens,
        "frt": event.first_byte_ms or 0,
        "is_model_mapped": event.is_model_mapped,
        "upstream_model_name": event.upstream_model or "",
        "request_path": event.path,
        "stream_status": _stream_status(event),
        "usage_source": event.usage_source,
        "client_disconnected": event.client_disconnected,
        "outcome": event.outcome,
        "error_code": event.error_code,
        "http_status": event.http_status,
    }
    if event.usage.cache_creation_tokens:
        other["cache_creation_tokens"] = event.usage.cache_creation_tokens
    if event.usage.reasoning_tokens:
        other["reasoning_tokens"] = event.usage.reasoning_tokens
    if event.suppressed_count:
        other["suppressed_count"] = event.suppressed_count
    other["admin_info"] = {"use_channel": [str(tried.channel_id) for tried in event.attempts]}
    return other


def _stream_status(event: LoggedRequest) -> str | None:
    """Null where it was not a stream."""
    if not event.is_stream:
        return None
    if event.error_code == ErrorCode.UPSTREAM_CUT:
        return "cut"
    if event.outcome != Outcome.SUCCEEDED:
        return "failed"
    return "client_gone" if event.client_disconnected else "completed"

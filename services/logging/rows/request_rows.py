"""From a completed request to its log row. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

from services.logging.rows.error_sentences import sentence
from services.logging.rows.logged_request import LoggedRequest
from services.logging.rows.rows import LogRow, LogType
from services.logging.rows.stored_other import stored_other
from shared.events.ids import event_uuid
from shared.events.requests import ErrorCode, Outcome

_SUCCEEDED: Final = Outcome.SUCCEEDED.value
_RATE_LIMITED: Final = ErrorCode.RATE_LIMITED.value
_CONSUMPTION: Final = int(LogType.CONSUMPTION)
_ERROR: Final = int(LogType.ERROR)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_MOST_RETRIES: Final = 2**15 - 1


def request_row(event: LoggedRequest, trace_id: str | None = None) -> LogRow:
    """Consumption where it succeeded, else an error; the quota is the event's either way.

    `trace_id` is that of the record's trace context, 32 hexadecimal digits. Uses the event up: it
    is not to be read after that. Raises MalformedEventError where its rating is none.
    """
    succeeded = event.outcome == _SUCCEEDED
    usage = event.usage
    reset_at = event.rate_limit_reset_at
    retries = event.client_retry_count
    # By position, in the order of the columns: names cost a fifth of a row.
    return LogRow(
        event_uuid(event.request_id),
        event.workspace_id,
        event.user_id,
        (event.completed_at - _EPOCH) // _SECOND,  # `timestamp()` rounds, far from now
        _CONSUMPTION if succeeded else _ERROR,
        sentence(event.outcome, event.error_code, client_disconnected=event.client_disconnected),
        event.username,
        event.key_name,
        event.requested_model or "",
        event.quota,
        usage.prompt_tokens,
        usage.completion_tokens,
        event.latency_ms // 1000,
        event.is_stream,
        event.channel_id or 0,
        event.channel_name or "",
        event.key_id,
        event.group,
        event.client_address,
        event.request_id,
        event.upstream_request_id or "",
        stored_other(event),
        event.project_id,
        event.provider_id,
        event.provider,
        event.dialect,
        event.method,
        event.path,
        ",".join(event.query_parameters) or None,
        event.outcome,
        event.http_status,
        event.error_code,
        trace_id,
        event.parent_span_id,
        event.latency_ms,
        event.upstream_latency_ms,
        event.first_byte_ms,
        event.request_bytes,
        event.response_bytes,
        max(0, len(event.attempts) - 1),
        None if retries is None else min(retries, _MOST_RETRIES),
        event.error_code == _RATE_LIMITED or event.rate_limited,
        event.rate_limit_remaining,
        None if reset_at is None else (reset_at - _EPOCH) // _SECOND,
        event.cache_hit,
        event.cache_key,
        event.user_agent or None,
        event.origin or None,
        event.request_host or None,
    )

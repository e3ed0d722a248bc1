"""The one canonical line of a request in the program's log."""

from shared.events.requests import RequestCompleted
from shared.telemetry.logs import get_logger

_logger = get_logger()


def log_request(event: RequestCompleted, trace_id: str) -> None:
    """What an operator searches for: ids, names of closed sets, figures; nothing that was said."""
    _logger.info(
        "request",
        request_id=event.request_id,
        trace_id=trace_id,
        workspace_id=event.workspace_id,
        key_id=event.key_id,
        model=event.requested_model,
        channel_id=event.channel_id,
        attempts=len(event.attempts),
        stream=event.is_stream,
        outcome=event.outcome.value,
        error_code=event.error_code.value if event.error_code else None,
        http_status=event.http_status,
        client_disconnected=event.client_disconnected,
        quota=event.quota,
        usage_source=event.usage_source.value,
        latency_ms=event.latency_ms,
        upstream_ms=event.upstream_latency_ms,
    )

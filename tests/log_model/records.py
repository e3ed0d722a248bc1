"""The event of which a drawn row is made, as the consumer gets it."""

from collections.abc import Iterable
from datetime import UTC, datetime

from services.logging.rows.rows import LogRow, LogType
from shared.events.audit import ActionTaken
from shared.events.event import Event
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.events.requests import ErrorCode, Outcome, RequestCompleted
from shared.events.usage import Usage
from shared.kafka.records import Record
from tests.log_model.row_rules import is_request, told_of
from tests.made_events import ledger_entry, outgoing, received, request


def records_of(rows: Iterable[LogRow]) -> list[Record]:
    """One record for each row of `tests.log_model.strategies`."""
    return [record_of(row, offset) for offset, row in enumerate(rows)]


def record_of(row: LogRow, offset: int = 0) -> Record:
    """The same record for the same row, but for its offset."""
    if is_request(row):
        return _record("relay.requests", row, _request(row), offset)
    if row.type in (LogType.MANAGEMENT, LogType.SYSTEM):
        return _record("audit.actions", row, _action(row), offset)
    return _record("billing.ledger", row, _entry(row), offset)


def _request(row: LogRow) -> RequestCompleted:
    told = told_of(row)
    at = _time(row.created_at)
    return request(
        request_id=row.event_id,
        workspace_id=row.workspace_id,
        user_id=row.user_id,
        username=row.username,
        key_id=row.token_id,
        key_name=row.token_name,
        project_id=row.project_id,
        provider_id=row.provider_id,
        requested_model=row.model_name or None,
        channel_id=row.channel_id or None,
        channel_name=row.channel_name or None,
        attempts=(),
        group=row.group,
        upstream_request_id=row.upstream_request_id or None,
        is_stream=row.is_stream,
        outcome=Outcome(row.outcome or ""),
        error_code=None if row.error_code is None else ErrorCode(row.error_code),
        http_status=row.status_code,
        client_disconnected=told.get("client_disconnected", False),
        usage=Usage(
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            cached_tokens=told.get("cache_tokens", 0),
        ),
        quota=row.quota,
        request_bytes=row.request_size_bytes,
        response_bytes=row.response_size_bytes,
        started_at=at,
        completed_at=at,
        latency_ms=row.latency_ms,
        first_byte_ms=row.first_byte_ms,
        upstream_latency_ms=row.upstream_latency_ms,
        rate_limited=row.rate_limited,
    )


def _entry(row: LogRow) -> LedgerEntryPosted:
    if row.bucket_at is None:
        return ledger_entry(
            workspace_id=row.workspace_id,
            user_id=row.user_id,
            username=row.username,
            amount_units=row.quota,
            posted_at=_time(row.created_at),
        )
    return ledger_entry(
        kind=EntryKind.REFUND,
        workspace_id=row.workspace_id,
        user_id=row.user_id,
        username=row.username,
        key_id=row.token_id,
        model=row.model_name or None,
        amount_units=-row.quota,
        refers_to_entry_id=1,
        refers_to_request_id=row.request_id,
        refers_to_failed=row.type == LogType.ERROR,
        bucket_at=_time(row.bucket_at),
        posted_at=_time(row.created_at),
    )


def _action(row: LogRow) -> ActionTaken:
    return ActionTaken(
        action_id="1",
        workspace_id=row.workspace_id,
        actor_user_id=row.user_id,
        actor_name=row.username,
        action="channel.health" if row.type == LogType.SYSTEM else "key.create",
        resource_type="key",
        resource_id="4",
        request_id=row.request_id,
        taken_at=_time(row.created_at),
    )


def _record(topic: str, row: LogRow, event: Event, offset: int) -> Record:
    key = b"%d" % row.workspace_id
    sent = outgoing(topic, event, event_id=row.event_id, key=key)
    return received(sent, offset=offset)._replace(partition=row.workspace_id % 4)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""The events that `logging` consumes, and the row that each becomes.

relay.requests   RequestCompleted    consumption, or error
billing.ledger   LedgerEntryPosted   consumption or error (refund), recharge (top-up, grant), system
                                     (release, expiry, transfer); charges are skipped
audit.actions    ActionTaken         management; system where nobody did it
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from services.logging.ingest.store_rows import insert_rows
from services.logging.metrics import LoggingMetrics
from services.logging.partitions.covering import Partitions
from services.logging.partitions.spans import LOGS
from services.logging.rows.action_rows import action_row
from services.logging.rows.ledger_rows import LOGGED_KINDS, ledger_row
from services.logging.rows.logged_request import LoggedRequest
from services.logging.rows.request_rows import request_row
from services.logging.rows.rows import LogRow
from shared.events.audit import ActionTaken
from shared.events.catalog import AUDIT_ACTIONS, BILLING_LEDGER, RELAY_REQUESTS, TopicSpec
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.events.ledger import LedgerEntryPosted
from shared.kafka.errors import DeadLetterReason, Unreadable, UnreadableRecordError
from shared.kafka.records import Record
from shared.postgres.retrying import Connection

GROUP: Final = "logging"
CONSUMES: Final[tuple[TopicSpec, ...]] = (RELAY_REQUESTS, BILLING_LEDGER, AUDIT_ACTIONS)
PRODUCES: Final[tuple[TopicSpec, ...]] = (AUDIT_ACTIONS,)
"""An admin's clean-up is an action as well."""

_PART: Final = 500
"""Records of a batch that are written together."""
_TURN: Final = 50
"""Records that are read without letting others on the loop."""
_DECODER: Final = Decoder((LoggedRequest, LedgerEntryPosted, ActionTaken))
_TRACEPARENT_BYTES: Final = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
_TRACE_ID: Final = slice(3, 35)
_LOGGED_KINDS: Final = frozenset(kind.value.encode() for kind in LOGGED_KINDS)


class LogWriter:
    """Writes the rows of a batch. Idempotent by the event's id."""

    def __init__(self, *, partitions: Partitions, metrics: LoggingMetrics) -> None:
        self._partitions = partitions
        self._metrics = metrics

    async def __call__(self, connection: Connection, records: Sequence[Record]) -> None:
        """A BatchHandler. Raises UnreadableRecordError for all that cannot be read, at once.

        While the database writes one part of the batch, the next one is read.
        """
        unreadable: list[Unreadable] = []
        written = 0
        writing: asyncio.Task[int] | None = None
        try:
            for start in range(0, len(records), _PART):
                rows = await _read(records[start : start + _PART], unreadable)
                await self._partitions.cover(LOGS, (row.created_at for row in rows))
                if writing is not None:
                    written += await writing
                writing = asyncio.create_task(insert_rows(connection, rows))
            if writing is not None:
                written += await writing
        finally:
            if writing is not None:
                # Only after an error: nobody may use the connection before its statement has ended.
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
        if unreadable:
            raise UnreadableRecordError(unreadable)
        self._metrics.rows_written.inc(written)


async def _read(records: Sequence[Record], unreadable: list[Unreadable]) -> list[LogRow]:
    """The rows of the records. What cannot be read is added to `unreadable`."""
    rows: list[LogRow] = []
    for count, record in enumerate(records, start=1):
        try:
            row = to_row(record)
        except MalformedEventError:
            unreadable.append(Unreadable(record, DeadLetterReason.MALFORMED))
        else:
            if row is not None:
                rows.append(row)
        if count % _TURN == 0:
            # About a millisecond: the statement that is under way and the API's callers go on.
            await asyncio.sleep(0)
    return rows


def to_row(record: Record) -> LogRow | None:
    """The record's row; None where it has none. Raises MalformedEventError."""
    kind = record.headers.get("ce_kind")
    if kind is not None and kind not in _LOGGED_KINDS:
        return None  # nearly every ledger entry: known by its header, and not parsed
    try:
        event = _DECODER.decode(record.headers, record.value)
    except UnknownEventError:
        return None
    if isinstance(event, LoggedRequest):
        return request_row(event, trace_id_of(record))
    event_id = record.event_id
    if event_id is None:
        raise MalformedEventError("the record has no ce_id")
    if isinstance(event, LedgerEntryPosted):
        return ledger_row(event_id, event)
    if isinstance(event, ActionTaken):
        return action_row(event_id, event)
    raise AssertionError("the decoder names no other event")


def trace_id_of(record: Record) -> str:
    """The trace id of the record's W3C trace context; empty where it has none."""
    context = record.headers.get("ce_traceparent")
    if context is None or len(context) != _TRACEPARENT_BYTES:
        return ""
    return context[_TRACE_ID].decode("ascii", "replace")

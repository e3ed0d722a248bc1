"""The events that `logging` consumes, and the row that each becomes.

relay.requests   RequestCompleted    consumption, or error
billing.ledger   LedgerEntryPosted   consumption or error (refund), recharge (top-up, grant), system
                                     (release, expiry, transfer); charges are skipped
audit.actions    ActionTaken         management; system where nobody did it
relay.health     RelayMarked         none: how complete the log is (`usage/watching_marks.py`)
"""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Final

from services.logging.ingest.batch import Batch, Beside, SlottedRow
from services.logging.ingest.garbage import uncollected
from services.logging.metrics import LoggingMetrics
from services.logging.rows.action_rows import action_row
from services.logging.rows.ledger_rows import LOGGED_KINDS, ledger_row
from services.logging.rows.logged_request import read_request
from services.logging.rows.request_rows import request_row
from services.logging.rows.rows import LogRow
from shared.events.audit import ActionTaken
from shared.events.catalog import (
    AUDIT_ACTIONS,
    BILLING_LEDGER,
    RELAY_HEALTH,
    RELAY_REQUESTS,
    TopicSpec,
)
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.events.ledger import LedgerEntryPosted
from shared.events.requests import RequestCompleted
from shared.kafka.errors import DeadLetterReason, Unreadable, UnreadableRecordError
from shared.kafka.records import Record
from shared.postgres.retrying import Connection

GROUP: Final = "logging"
CONSUMES: Final[tuple[TopicSpec, ...]] = (
    RELAY_REQUESTS,
    BILLING_LEDGER,
    AUDIT_ACTIONS,
    RELAY_HEALTH,
)
PRODUCES: Final[tuple[TopicSpec, ...]] = (AUDIT_ACTIONS,)
"""An admin's clean-up is an action as well."""

_PART: Final = 500
"""Records of a batch that are written together."""
_TOPICS: Final = {topic.name: number for number, topic in enumerate(CONSUMES)}
_SLOTS_PER_TOPIC: Final = 10_000
_AHEAD_S: Final = 48 * 3_600
"""No clock is so wrong; what says that it ended later is not believed."""
_TURN: Final = 50
"""Records that are read without letting others on the loop."""
_DECODER: Final = Decoder((LedgerEntryPosted, ActionTaken))
_REQUEST: Final = RequestCompleted.TYPE.encode()
_TRACE: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_LOGGED_KINDS: Final = frozenset(kind.value.encode() for kind in LOGGED_KINDS)


class LogWriter:
    """Writes the rows of a batch, and what is added up of them. Idempotent by the event's id."""

    def __init__(self, *, beside: Beside, metrics: LoggingMetrics) -> None:
        self._beside = beside
        self._metrics = metrics

    async def __call__(self, connection: Connection, records: Sequence[Record]) -> None:
        """A BatchHandler. Raises UnreadableRecordError for all that cannot be read, at once.

        While the database writes one part of the batch, the next one is read.
        """
        with uncollected():
            await self._write(connection, records)

    async def _write(self, connection: Connection, records: Sequence[Record]) -> None:
        unreadable: list[Unreadable] = []
        batch = Batch(connection, self._beside)
        writing = asyncio.create_task(batch.begin())
        try:
            for start in range(0, len(records), _PART):
                rows = await _read(records[start : start + _PART], unreadable)
                await writing
                writing = asyncio.create_task(batch.write(rows))
            await writing
        finally:
            # Only after an error: nobody may use the connection before its statement has ended.
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        if unreadable:
            raise UnreadableRecordError(unreadable)
        written = await batch.finish()
        self._metrics.rows_written.inc(written.new)
        self._metrics.events_refused.inc(written.refused)


async def _read(records: Sequence[Record], unreadable: list[Unreadable]) -> list[SlottedRow]:
    """The rows of the records. What cannot be read is added to `unreadable`."""
    rows: list[SlottedRow] = []
    latest = int(time.time()) + _AHEAD_S
    for count, record in enumerate(records, start=1):
        try:
            row = to_row(record)
        except MalformedEventError:
            unreadable.append(Unreadable(record, DeadLetterReason.MALFORMED))
        else:
            if row is not None and row.created_at > latest:
                # Its partition would be made, and stand in the way of those that are to come.
                unreadable.append(Unreadable(record, DeadLetterReason.MALFORMED))
            elif row is not None:
                rows.append(SlottedRow(slot_of(record), row))
        if count % _TURN == 0:
            # About a millisecond: the statement that is under way and the API's callers go on.
            await asyncio.sleep(0)
    return rows


def slot_of(record: Record) -> int:
    """Who writes its checksum: a number of its topic and partition, that fits in two bytes."""
    return _TOPICS[record.topic] * _SLOTS_PER_TOPIC + record.partition % _SLOTS_PER_TOPIC


def to_row(record: Record) -> LogRow | None:
    """The record's row; None where it has none. Raises MalformedEventError."""
    headers = record.headers
    if headers.get("ce_type") == _REQUEST:
        return request_row(read_request(record.value), trace_id_of(record))
    kind = headers.get("ce_kind")
    if kind is not None and kind not in _LOGGED_KINDS:
        return None  # nearly every ledger entry: known by its header, and not parsed
    try:
        event = _DECODER.decode(headers, record.value)
    except UnknownEventError:
        return None
    event_id = record.event_id
    if event_id is None:
        raise MalformedEventError("the record has no ce_id")
    if isinstance(event, LedgerEntryPosted):
        return ledger_row(event_id, event)
    if isinstance(event, ActionTaken):
        return action_row(event_id, event)
    raise AssertionError("the decoder names no other event")


def trace_id_of(record: Record) -> str | None:
    """The trace id of the record's W3C trace context; None where it has none."""
    context = record.headers.get("ce_traceparent")
    if context is None:
        return None
    found = _TRACE.fullmatch(context)
    return None if found is None else found[1].decode()

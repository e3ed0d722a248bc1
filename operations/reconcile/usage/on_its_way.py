"""What only one of billing and logging has applied yet, to the unit.

Their watermarks are in the caller's snapshot, so that it is known which records lie between them.
Whether such a record had an effect is asked of the tables by its id: it may be a repeat. What is
given back goes from billing to logging by its outbox and `billing.ledger`.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

import asyncpg

from operations.reconcile.tables import watermarks
from operations.reconcile.usage.judging import Place
from shared.events.catalog import BILLING_LEDGER, RELAY_REQUESTS
from shared.events.event import Decoder, Event, MalformedEventError, UnknownEventError
from shared.events.ids import event_uuid
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.events.numbers import Id, QuotaUnits, Time
from shared.events.requests import RequestCompleted
from shared.events.text import Code, ModelName
from shared.kafka.outbox_rows import decode_row
from shared.kafka.records import Partition
from shared.kafka.spans import Span, SpanReader

_MOST: Final = 500_000
"""Records that are read of a topic, and entries that the outbox may have."""
_TOGETHER: Final = 5_000
_HOUR_S: Final = 3600
_BILLING: Final = "billing"
_LOGGING: Final = "logging"
_CHARGE: Final = EntryKind.CHARGE.value.encode()
_OUTBOX: Final = "SELECT records FROM billing.event_outbox WHERE topic = $1 ORDER BY id"
_CHARGED: Final = "SELECT cause FROM billing.ledger_entries WHERE cause = ANY($1::text[])"
_POSTED: Final = "SELECT entry_id FROM billing.ledger_entries WHERE entry_id = ANY($1::bigint[])"
_ROWS: Final = "SELECT event_id::text FROM logging.logs WHERE event_id = ANY($1::uuid[])"


class TooMuchError(Exception):
    """So much lies between the two that it is not looked into."""


class _Used(Event):
    """The part of `RequestCompleted` that both count."""

    TYPE = RequestCompleted.TYPE

    request_id: Code
    user_id: Id
    requested_model: ModelName | None = None
    quota: QuotaUnits = 0
    completed_at: Time


@dataclass(slots=True)
class _Moved:
    """What an event moves, and whether logging's watermark is past it."""

    place: Place
    units: int
    cause: str | int
    """Of its ledger entry; or the entry's id."""
    is_applied: bool = False


_REQUESTS: Final = Decoder((_Used,))
_ENTRIES: Final = Decoder((LedgerEntryPosted,))


async def on_its_way(
    connection: asyncpg.Connection, reader: SpanReader, places: Collection[Place]
) -> dict[Place, int]:
    """By how much billing is ahead of logging at these places. Raises TooMuchError.

    Raises what the broker and the database raise.
    """
    ahead: defaultdict[Place, int] = defaultdict(int)
    for moved, query in (
        (await _requests(connection, reader, places), _CHARGED),
        (await _entries(connection, reader, places), _POSTED),
    ):
        for part in _parts(moved):
            causes = [each.cause for each in part.values()]
            known = {row[0] for row in await connection.fetch(query, causes)}
            rows = {row[0] for row in await connection.fetch(_ROWS, list(part))}
            for event_id, each in part.items():
                in_usage = each.is_applied or event_id in rows
                ahead[each.place] += each.units * ((each.cause in known) - in_usage)
    return ahead


async def _requests(
    connection: asyncpg.Connection, reader: SpanReader, places: Collection[Place]
) -> dict[str, _Moved]:
    marks = await watermarks(connection, RELAY_REQUESTS.name)
    found: dict[str, _Moved] = {}
    spans = {}
    for partition, held in (await reader.held(RELAY_REQUESTS.name)).items():
        ends = [marks.get((group, partition), 0) for group in (_BILLING, _LOGGING)]
        spans[partition] = _within(held, Span(min(ends), max(ends)))
    _refuse_too_much(spans)
    async for record in reader.records(spans):
        try:
            event = _REQUESTS.decode(record.headers, record.value)
        except (UnknownEventError, MalformedEventError):
            continue  # who cannot be read is told by another check
        if not isinstance(event, _Used) or not event.quota:
            continue
        place = _place(event.completed_at, event.user_id, event.requested_model)
        if place not in places:
            continue
        moved = _Moved(place, event.quota, f"request:{event.request_id}")
        kept = found.setdefault(event_uuid(event.request_id), moved)
        mark = marks.get((_LOGGING, Partition(record.topic, record.partition)), 0)
        kept.is_applied |= record.offset < mark
    return found


async def _entries(
    connection: asyncpg.Connection, reader: SpanReader, places: Collection[Place]
) -> dict[str, _Moved]:
    marks = await watermarks(connection, BILLING_LEDGER.name)
    held = await reader.held(BILLING_LEDGER.name)
    spans = {
        partition: _within(span, Span(marks.get((_LOGGING, partition), 0), span.end))
        for partition, span in held.items()
    }
    _refuse_too_much(spans)
    found: dict[str, _Moved] = {}
    async for headers, value in _sent(connection, reader, spans):
        if headers.get("ce_kind") == _CHARGE:
            continue  # logging has it from the request
        try:
            entry = _ENTRIES.decode(headers, value)
        except (UnknownEventError, MalformedEventError):
            continue
        if not isinstance(entry, LedgerEntryPosted) or not entry.is_of_use:
            continue
        place = _place(entry.bucket_at or entry.posted_at, entry.user_id or 0, entry.model)
        if place in places:
            event_id = event_uuid(headers.get("ce_id", b"").decode("utf-8", "replace"))
            found[event_id] = _Moved(place, -entry.amount_units, entry.entry_id)
            if len(found) > _MOST:
                raise TooMuchError
    return found


async def _sent(
    connection: asyncpg.Connection, reader: SpanReader, spans: dict[Partition, Span]
) -> AsyncIterator[tuple[dict[str, bytes], bytes | None]]:
    """Headers and values: of the topic, and of what is still in the outbox."""
    async for record in reader.records(spans):
        yield dict(record.headers), record.value
    async for row in connection.cursor(_OUTBOX, BILLING_LEDGER.name, prefetch=1):
        for each in decode_row(row["records"]):
            yield dict(each.all_headers), each.value


def _within(held: Span, wanted: Span) -> Span:
    begin = max(held.begin, wanted.begin)
    return Span(begin, max(begin, min(held.end, wanted.end)))


def _place(at: datetime, user_id: int, model: str | None) -> Place:
    seconds = int(at.timestamp())
    return Place(seconds - seconds % _HOUR_S, user_id, model or "")


def _parts(moved: dict[str, _Moved]) -> Iterator[dict[str, _Moved]]:
    items = iter(moved.items())
    while part := dict(islice(items, _TOGETHER)):
        yield part


def _refuse_too_much(spans: dict[Partition, Span]) -> None:
    """Before it is read: a reading that is broken off is not closed at once."""
    if sum(span.end - span.begin for span in spans.values()) > _MOST:
        raise TooMuchError

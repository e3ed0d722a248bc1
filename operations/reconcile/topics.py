"""What the topics say: the relays' marks, the requests, and the dead letters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from operations.reconcile.gaps import Gap
from operations.reconcile.observed import Observed, ObservedRequest
from shared.events.catalog import CATALOG, RELAY_HEALTH, RELAY_REQUESTS
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.events.health import RelayMarked
from shared.events.ids import event_bytes
from shared.kafka.records import Partition, Record
from shared.kafka.spans import Span, SpanReader

_SOURCE_PREFIX: Final = "ledgerline/relay/"
_MARKS: Final = Decoder((RelayMarked,))
_REQUESTS: Final = Decoder((ObservedRequest,))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that a consumer set aside."""

    topic: str
    group: str
    event_id: str | None
    reason: str
    origin: str
    """Partition and offset of the topic that it came from."""


async def read_marks(reader: SpanReader) -> dict[str, RelayMarked]:
    """Each relay's newest mark. Read it before the ends of `relay.requests` are taken."""
    marks: dict[str, RelayMarked] = {}
    async for record in reader.records(await reader.held(RELAY_HEALTH.name)):
        try:
            mark = _MARKS.decode(record.headers, record.value)
        except (UnknownEventError, MalformedEventError):
            continue
        if isinstance(mark, RelayMarked):
            marks[mark.relay_id] = mark
    return marks


async def read_requests(
    reader: SpanReader, spans: Mapping[Partition, Span], observed: Observed
) -> list[Gap]:
    """Put the span's requests into `observed`; answer the records that cannot be read."""
    unreadable = []
    async for record in reader.records(spans):
        try:
            request = _REQUESTS.decode(record.headers, record.value)
        except UnknownEventError:
            continue
        except MalformedEventError:
            unreadable.append(Gap(_place(record), "cannot be read"))
            continue
        if isinstance(request, ObservedRequest):
            observed.add(request, _relay_of(record))
    return unreadable


async def read_ids(reader: SpanReader, spans: Mapping[Partition, Span]) -> set[bytes]:
    """The ids of the requests in a span."""
    return {
        event_bytes(record.event_id)
        async for record in reader.records(spans)
        if record.event_id is not None
    }


async def first_times(
    reader: SpanReader, spans: Mapping[Partition, Span]
) -> dict[Partition, datetime]:
    """When the first record was written that each of the partitions still has."""
    first: dict[Partition, datetime] = {}
    ones = {
        partition: Span(span.begin, min(span.begin + 1, span.end))
        for partition, span in spans.items()
    }
    async for record in reader.records(ones):
        at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        first[Partition(record.topic, record.partition)] = at
    return first


async def read_dead_letters(reader: SpanReader) -> list[DeadLetter]:
    """All dead letters of the catalogue's topics."""
    letters = []
    for spec in CATALOG:
        for consumer, name in zip(spec.consumers, spec.dead_letter_topics, strict=False):
            async for record in reader.records(await reader.held(name)):
                headers = record.headers
                letters.append(
                    DeadLetter(
                        spec.name,
                        consumer.value,
                        record.event_id,
                        _text(headers.get("dead_letter_reason")),
                        f"{spec.name}/{_text(headers.get('dead_letter_partition'))}"
                        f"@{_text(headers.get('dead_letter_offset'))}",
                    )
                )
    return letters


async def held_requests(reader: SpanReader) -> dict[Partition, Span]:
    """What `relay.requests` holds now."""
    return await reader.held(RELAY_REQUESTS.name)


def _relay_of(record: Record) -> str:
    return _text(record.headers.get("ce_source")).removeprefix(_SOURCE_PREFIX)


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition}@{record.offset}"


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw[:200].decode("utf-8", "replace")

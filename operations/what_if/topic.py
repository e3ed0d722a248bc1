"""The charges that `relay.requests` tells of, read as billing reads them to charge them."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from operations.reconcile.reconciling import held_since
from operations.what_if.source import CannotBeSaidError, Chunk, Told
from services.billing.charging.chargeable import Charge, NotChargeableError, read_charge
from services.billing.what_if.store_charges import ChargesOf, OldCharge
from shared.events.catalog import RELAY_REQUESTS
from shared.events.ids import event_bytes
from shared.events.requests import RequestCompleted
from shared.kafka.records import Partition, Record
from shared.kafka.spans import Span, SpanReader

_TYPE: Final = RequestCompleted.TYPE.encode()
_CLOCKS_DIFFER_BY: Final = timedelta(hours=1)
"""Far more than they do: a record is written after its request ended, by another's clock."""


class Topic:
    """A Source. A request whose relay crashed may be there twice; it counts once."""

    def __init__(self, reader: SpanReader, of: ChargesOf) -> None:
        self._reader = reader
        self._of = of

    async def stretch(self) -> dict[str, Any]:
        """The offsets that the topic holds now, from the period's begin on.

        Raises CannotBeSaidError where it no longer holds the whole period.
        """
        held = await self._reader.held(RELAY_REQUESTS.name)
        if not held:
            raise CannotBeSaidError(f"there is no topic {RELAY_REQUESTS.name}")
        cut = {partition: span for partition, span in held.items() if span.begin > 0}
        since = await held_since(self._reader, cut)
        if since is not None and since > self._of.from_at:
            raise CannotBeSaidError(
                f"the topic has all only since {since.isoformat(timespec='seconds')}:"
                " ask for a later period, or --from entries"
            )
        begin = max(self._of.from_at - _CLOCKS_DIFFER_BY, datetime.fromtimestamp(0, UTC))
        spans = await self._reader.since(held, begin)
        return {
            "spans": {str(partition.partition): list(span) for partition, span in spans.items()},
            "total": sum(span.end - span.begin for span in spans.values()),
        }

    async def chunks(
        self, stretch: dict[str, Any], position: Any, *, size: int
    ) -> AsyncIterator[Chunk]:
        """In order within each partition; a position is the next offset of each."""
        at: dict[str, int] = {number: begin for number, (begin, _) in stretch["spans"].items()}
        at |= position or {}
        left = {
            Partition(RELAY_REQUESTS.name, int(number)): Span(at[number], end)
            for number, (_, end) in stretch["spans"].items()
            if at[number] < end
        }
        await self._still_held(left)
        records: list[Record] = []
        async for record in self._reader.records(left):
            records.append(record)
            at[str(record.partition)] = record.offset + 1
            if len(records) >= size:
                yield self._chunk(records, dict(at))
                records.clear()
        if records:
            yield self._chunk(records, dict(at))

    async def _still_held(self, left: dict[Partition, Span]) -> None:
        held = await self._reader.held(RELAY_REQUESTS.name)
        for partition, span in left.items():
            now = held.get(partition, Span(0, 0))
            if not now.begin <= span.begin <= span.end <= now.end:
                raise CannotBeSaidError("the topic no longer holds what this run has left to read")

    def _chunk(self, records: Sequence[Record], position: dict[str, int]) -> Chunk:
        told = []
        unreadable = 0
        for record in records:
            if record.headers.get("ce_type") != _TYPE:
                continue
            try:
                charge = read_charge(record.value or b"")
            except NotChargeableError:
                unreadable += 1
                continue
            if isinstance(charge, Charge) and self._is_meant(charge):
                told.append(Told(event_bytes(charge.request_id), _old(charge)))
        return Chunk(told, position, len(records), unreadable)

    def _is_meant(self, charge: Charge) -> bool:
        of = self._of
        return (
            of.from_at <= charge.completed_at < of.to_at
            and of.workspace_id in {None, charge.workspace_id}
            and of.model in {None, charge.model}
        )


def _old(charge: Charge) -> OldCharge:
    """As its entry would be read; what was adjusted or refunded later is not on the topic."""
    return OldCharge(
        entry_id=0,
        workspace_id=charge.workspace_id,
        model=charge.model,
        detail=charge.detail.decode(),
        rating=charge.rating.decode(),
        units=charge.quota_units,
        refunded_units=0,
    )

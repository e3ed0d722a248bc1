"""From the journal to Kafka: in order, in batches, at least once; forgotten when acknowledged."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from services.relay.completion import UTC_MICROSECONDS, time_of
from services.relay.journal.journal import Journal
from services.relay.journal.records import CompletedRecord
from services.relay.metrics import JournalMetrics
from services.relay.rejections import Rejections
from shared.events.catalog import RELAY_HEALTH, RELAY_REQUESTS
from shared.events.event import Attributes, encode_headers, encode_value
from shared.events.health import RelayMarked
from shared.events.requests import RequestCompleted
from shared.kafka.errors import SendError
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from shared.telemetry.logs import get_logger

_logger = get_logger()
_IDLE_S: Final = 0.01
_RETRY_S: Final = 0.2
_MARK_EVERY_S: Final = 5.0
_MAX_REJECTIONS: Final = 500


def source_of(relay_id: str) -> str:
    """The CloudEvents source of a relay start."""
    return f"ledgerline/relay/{relay_id}"


def outgoing(record: CompletedRecord, *, source: str) -> OutgoingRecord:
    """The Kafka record of a completed request."""
    completed_at = time_of(record.completed_at_us)
    event_id = _uuid_text(record.request_id)
    attributes = Attributes(
        id=event_id, source=source, time=completed_at, traceparent=record.traceparent
    )
    return OutgoingRecord(
        topic=RELAY_REQUESTS.name,
        key=b"%d" % record.workspace_id,
        value=record.value,
        headers=encode_headers(RequestCompleted.TYPE, attributes),
    )


def mark_record(mark: RelayMarked, *, source: str) -> OutgoingRecord:
    """The Kafka record of a relay's mark."""
    attributes = Attributes(
        id=f"{mark.relay_id}:{mark.published_count}:{int(mark.closed)}",
        source=source,
        time=mark.marked_at,
    )
    return OutgoingRecord(
        topic=RELAY_HEALTH.name,
        key=f"mark:{mark.relay_id}".encode(),
        value=encode_value(mark),
        headers=encode_headers(RelayMarked.TYPE, attributes),
    )


class Publisher:
    """Publishes one relay's journal, its refusals, and its mark."""

    def __init__(
        self,
        *,
        relay_id: str,
        journal: Journal,
        rejections: Rejections,
        producer: IdempotentProducer,
        metrics: JournalMetrics,
    ) -> None:
        self._relay_id = relay_id
        self._source = source_of(relay_id)
        self._journal = journal
        self._rejections = rejections
        self._producer = producer
        self._metrics = metrics
        self._marked_at = 0.0

    async def run(self) -> None:
        """Publish until cancelled. While Kafka is away it goes on trying."""
        while True:
            busy = await self.publish_once()
            await self._mark_if_due()
            if not busy:
                await asyncio.sleep(_IDLE_S)

    async def publish_once(self) -> bool:
        """Send the next batch. True where there may be more at once."""
        completed, position = self._journal.read()
        if completed and not await self._send(completed):
            return False
        self._journal.published(position, len(completed))
        waiting = self._rejections.waiting
        rejected = [waiting.popleft() for _ in range(min(_MAX_REJECTIONS, len(waiting)))]
        if rejected:
            await self._send(rejected)  # best effort: they cost nothing
        return bool(completed)

    async def flush(self, *, deadline_s: float) -> bool:
        """Publish what is there; false where not all of it was acknowledged in time."""
        try:
            async with asyncio.timeout(deadline_s):
                while self._journal.unpublished_count:
                    await self.publish_once()
        except TimeoutError:
            return False
        return True

    async def mark(self, *, closed: bool) -> None:
        """Say how far this relay's events are on the topic. Raises SendError."""
        oldest = self._journal.oldest_unpublished_us
        now = datetime.now(UTC)
        mark = RelayMarked(
            relay_id=self._relay_id,
            published_until=now if oldest is None else time_of(oldest),
            published_count=self._journal.published_count,
            closed=closed,
            marked_at=now,
        )
        await self._producer.send_all([mark_record(mark, source=self._source)])
        self._journal.write_published()

    async def _send(self, records: Sequence[CompletedRecord]) -> bool:
        """Send in order; true when the broker has all of them."""
        outcomes = await self._producer.send_partitioned(
            RELAY_REQUESTS.name, [outgoing(record, source=self._source) for record in records]
        )
        failed = [outcome for outcome in outcomes if outcome is not None]
        if failed:
            # All of the batch goes again: what was written twice has the same id.
            self._metrics.failures.inc()
            _logger.warning("journal.publish_failed", error=type(failed[0]).__name__)
            await asyncio.sleep(_RETRY_S)
            return False
        self._metrics.published.inc(len(records))
        self._metrics.batch.observe(len(records))
        return True

    async def _mark_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._marked_at < _MARK_EVERY_S:
            return
        self._marked_at = now
        try:
            await self.mark(closed=False)
        except SendError:
            _logger.warning("journal.mark_failed")


def age_s(oldest_us: int | None) -> float:
    """Age of an unpublished event, in seconds; 0 where there is none."""
    if oldest_us is None:
        return 0.0
    return max(0.0, datetime.now(UTC).timestamp() - oldest_us / UTC_MICROSECONDS)


def _uuid_text(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

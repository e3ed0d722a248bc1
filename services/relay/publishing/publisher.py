"""From the journal to Kafka: in order within a partition, at least once; then forgotten.

A step every few milliseconds takes what was completed, looks which batches have arrived, and sends
the next ones. Steps, not a task or a callback for each batch: most of what publishing costs is per
batch, so batches are what there are few of.
"""

import asyncio
from datetime import UTC, datetime
from typing import Final

from services.relay.journal.journal import MAX_WAITING_BYTES, Journal
from services.relay.metrics import JournalMetrics
from services.relay.publishing.event_records import headers_from, outgoing, source_of
from services.relay.publishing.lane_sending import LaneSender
from services.relay.publishing.lanes import Lanes
from services.relay.publishing.marks import mark_record
from services.relay.recording.completion import UTC_MICROSECONDS, time_of
from services.relay.recording.rejections import Rejections
from shared.events.catalog import RELAY_REQUESTS
from shared.events.health import RelayMarked
from shared.kafka.errors import SendError
from shared.kafka.partitioning import Partitioner
from shared.kafka.producer import IdempotentProducer
from shared.telemetry.logs import get_logger

_logger = get_logger()
_LINGER_S: Final = 0.03
_BUSY_LINGER_S: Final = 0.04
"""Above `_BUSY_PER_S` completions a second: a step costs as much as fifty records in it."""
_BUSY_PER_S: Final = 2_000
_BACKLOG_LINGER_S: Final = 0.005
"""While a partition has more than went into its batch, or is read from the file."""
_PARTITIONS_EVERY_S: Final = 1.0
_RETRY_S: Final = 0.2
_MARK_EVERY_S: Final = 5.0
_REJECTIONS_EVERY_S: Final = 0.1
_MAX_REJECTIONS: Final = 500
_READS_PER_STEP: Final = 16
_TIMEOUT_S: Final = 30.0


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
        max_lanes_bytes: int = MAX_WAITING_BYTES,
        timeout_s: float = _TIMEOUT_S,
        partitions_every_s: float = _PARTITIONS_EVERY_S,
    ) -> None:
        """`partitions_every_s`: how often it asks how many partitions there are."""
        self._relay_id = relay_id
        self._source = source_of(relay_id)
        self._journal = journal
        self._rejections = rejections
        self._producer = producer
        self._metrics = metrics
        self._max_lanes_bytes = max_lanes_bytes
        self._timeout_s = timeout_s
        self._lanes: Lanes | None = None
        self._partitioner: Partitioner | None = None
        self._partitions_every_s = partitions_every_s
        self._ask_from = 0.0
        self._senders: list[LaneSender] = []
        self._linger_s = _LINGER_S
        self.introduced: Final = asyncio.Event()
        """Whether its first mark is on the topic: readers of marks know of this relay."""

    async def run(self) -> None:
        """Publish until cancelled. While Kafka is away it goes on trying.

        First of all its mark: who waits for all relays' events has to know that it is one.
        """
        await self._introduce()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish())
            group.create_task(self._publish_rejections())
            group.create_task(self._mark())

    async def step(self) -> None:
        """Move everything on, as far as it can without waiting for acknowledgements.

        Raises SendError where Kafka does not say which partitions there are.
        """
        lanes = self._lanes
        if lanes is not None and self._journal.end == lanes.end and not lanes.is_busy:
            self._linger_s = _LINGER_S
            return
        for sender in self._senders:
            if sender.has_batch:
                await sender.look()
        partitioner = await self._partitions()
        lanes = self._lanes_for(partitioner)
        # More partitions move workspaces: not before all is acknowledged where they were.
        if lanes.partitions == partitioner.partitions:
            taken = self._journal.take()
            lanes.take(taken)
            is_busy = len(taken.completions) > _BUSY_PER_S * self._linger_s
            self._linger_s = _BUSY_LINGER_S if is_busy else _LINGER_S
        await self._read_on(lanes)
        for sender in self._senders:
            if sender.has_waiting:
                await sender.send()
        self._journal.published(*lanes.published)
        if lanes.has_backlog:
            self._linger_s = _BACKLOG_LINGER_S

    async def flush(self, *, deadline_s: float) -> bool:
        """Publish what is there; false where not all of it was acknowledged in time."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._introduce()
                while self._journal.unpublished_count:
                    await self._step_or_rest()
        except TimeoutError:
            return False
        return True

    async def mark(self, *, closed: bool) -> None:
        """Say how far this relay's events are on the topic. Raises SendError.

        It is written down before it is said: should this relay die, none of its events that is made
        then will be older.
        """
        oldest = self.oldest_unpublished_us
        now = datetime.now(UTC)
        until = now if oldest is None else time_of(oldest)
        await self._journal.note_published(
            marked_until_us=round(until.timestamp() * UTC_MICROSECONDS)
        )
        mark = RelayMarked(
            relay_id=self._relay_id,
            published_until=until,
            published_count=self._journal.published_count,
            closed=closed,
            marked_at=now,
        )
        await self._producer.send_all([mark_record(mark, source=self._source)])
        self.introduced.set()

    @property
    def oldest_unpublished_us(self) -> int | None:
        """`completed_at_us` of the oldest completion that is not on Kafka; null: there is none."""
        oldest = self._lanes.oldest if self._lanes is not None else None
        return self._journal.oldest_untaken_us if oldest is None else oldest.completed_at_us

    async def _publish(self) -> None:
        while True:
            await self._step_or_rest()

    async def _step_or_rest(self) -> None:
        try:
            await self.step()
        except SendError as error:
            self._metrics.failures.inc()
            _logger.warning("journal.publish_failed", error=type(error.__cause__).__name__)
            await asyncio.sleep(_RETRY_S)
        else:
            await asyncio.sleep(self._linger_s)

    async def _publish_rejections(self) -> None:
        waiting = self._rejections.waiting
        while True:
            await asyncio.sleep(_REJECTIONS_EVERY_S)
            rejected = [waiting.popleft() for _ in range(min(_MAX_REJECTIONS, len(waiting)))]
            if rejected:  # best effort: they cost nothing
                await self._producer.send_partitioned(
                    RELAY_REQUESTS.name, [outgoing(r, source=self._source) for r in rejected]
                )

    async def _introduce(self) -> None:
        while not self.introduced.is_set():
            if not await self._try_to_mark():
                await asyncio.sleep(_RETRY_S)

    async def _mark(self) -> None:
        while True:
            await asyncio.sleep(_MARK_EVERY_S)
            await self._try_to_mark()

    async def _try_to_mark(self) -> bool:
        try:
            await self.mark(closed=False)
        except SendError:
            _logger.warning("journal.mark_failed")
            return False
        return True

    async def _partitions(self) -> Partitioner:
        now = asyncio.get_running_loop().time()
        if self._partitioner is None or now >= self._ask_from:
            self._partitioner = await self._producer.partitioner(RELAY_REQUESTS.name)
            self._ask_from = now + self._partitions_every_s
        return self._partitioner

    def _lanes_for(self, partitioner: Partitioner) -> Lanes:
        lanes = self._lanes
        if lanes is not None and (lanes.partitions == partitioner.partitions or lanes.is_busy):
            return lanes
        lanes = self._lanes = Lanes(partitioner, max_bytes=self._max_lanes_bytes)
        headers = headers_from(self._source)
        self._senders = [
            LaneSender(
                lane,
                topic=RELAY_REQUESTS.name,
                headers=headers,
                producer=self._producer,
                metrics=self._metrics,
                timeout_s=self._timeout_s,
            )
            for lane in lanes.all
        ]
        return lanes

    async def _read_on(self, lanes: Lanes) -> None:
        for _ in range(_READS_PER_STEP):
            start = lanes.next_to_read
            if start is None:
                return
            lanes.take_read(*self._journal.read(start.place, start.ordinal))
            await asyncio.sleep(0)  # requests go on between two reads

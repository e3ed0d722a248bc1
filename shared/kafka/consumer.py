"""Reading kept topics in a plain consumer group: each record's effect once, whatever is killed.

One turn of the loop: look at the assignment and verify what is new, collect a batch, apply it in
one transaction with its watermarks while the next one is collected, note the offsets in Kafka, look
after lag and halted partitions. A rebalance is noticed here and never handled in a listener:
aiokafka 0.14 hands out records before an awaiting listener is done, and swallows its exceptions.
"""

import asyncio
import time
from collections.abc import Awaitable, Collection, Sequence
from contextlib import suppress
from typing import Final, Literal, TypeVar

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
)

from shared.kafka.batch_sizes import BatchSizer
from shared.kafka.batches import BatchApplier, BatchHandler, StoppedError
from shared.kafka.collecting import Collector
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.errors import StalePositionError
from shared.kafka.metrics import ConsumerMetrics
from shared.kafka.noted_offsets import NotedOffsets
from shared.kafka.partition_watch import PartitionWatch
from shared.kafka.positions import Halt
from shared.kafka.records import Partition, Record, last_by_partition
from shared.postgres.failures import classify, describe_error
from shared.telemetry.logs import get_logger

_RECONNECT_S: Final = 0.5
_STOP_GRACE_S: Final = 20.0
_LOOK_S: Final = 2.0
_REQUEST_TIMEOUT_MS: Final = 10_000
# A database that is away for a day must not cost the group its member.
_MAX_POLL_INTERVAL_MS: Final = 24 * 60 * 60 * 1000

_T = TypeVar("_T")

_logger = get_logger()


class KeptTopicConsumer:
    """One member of a consumer group for one or several kept topics of one service.

    `pool` is the service's own, its schema holds the tables of `watermarks.sql`. `on_poison` says
    what becomes of a record that the database or the handler refuses for good: "dead-letter", or
    "halt" its partition. Batches hold up to `max_batch` records, or up to `max_batch_lagging` while
    so many wait; under steady load one begins at most every `max_wait_ms`, while after a pause the
    first record is not kept waiting.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        group: str,
        topics: Sequence[str],
        pool: asyncpg.Pool,
        handler: BatchHandler,
        dead_letters: DeadLetters,
        client_id: str | None = None,
        on_poison: Literal["dead-letter", "halt"] = "halt",
        max_batch: int = 2000,
        max_batch_lagging: int = 0,
        max_wait_ms: int = 50,
        metrics: ConsumerMetrics | None = None,
        session_timeout_ms: int = 10_000,
        heartbeat_interval_ms: int = 1_000,
    ) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._client_id = client_id or group
        self._topics = tuple(topics)
        self._sizer = BatchSizer(usual=max_batch, lagging=max_batch_lagging)
        self._max_wait_ms = max_wait_ms
        self._session_timeout_ms = session_timeout_ms
        self._heartbeat_interval_ms = heartbeat_interval_ms
        self._stopping = asyncio.Event()
        self._applier = BatchApplier(
            group=group,
            pool=pool,
            handler=handler,
            dead_letters=dead_letters,
            on_poison=on_poison,
            stopping=self._stopping,
            metrics=metrics,
        )
        self._watch = PartitionWatch(group=group, pool=pool, metrics=metrics)
        self._looked_at = 0.0

    # What health and metrics ask for.

    @property
    def ready(self) -> bool:
        """Whether this member has joined and has looked at each partition that it was given."""
        return self._watch.is_settled

    @property
    def positions(self) -> dict[Partition, int]:
        """The next offset to apply, by partition of this member."""
        return {p: s.applied_offset for p, s in self._watch.states.items()}

    @property
    def lag_events(self) -> dict[Partition, int]:
        """Records not applied yet, by partition of this member, as of the last look."""
        return {p: s.lag_events for p, s in self._watch.states.items()}

    @property
    def lag_seconds(self) -> dict[Partition, float]:
        """Age of the last applied record where there are newer ones, by partition."""
        now = time.time()
        return {p: s.lag_seconds(now) for p, s in self._watch.states.items()}

    @property
    def halted(self) -> dict[Partition, Halt]:
        """The partitions that stand still, and why."""
        return {p: s.halt for p, s in self._watch.states.items() if s.halt is not None}

    # Running.

    async def run(self) -> None:
        """Consume until cancelled or `stop` is called; then finish the batch in hand and leave."""
        work = asyncio.create_task(self._run())
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            self.stop()
            await asyncio.wait((work,), timeout=_STOP_GRACE_S)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            raise

    def stop(self) -> None:
        """Ask `run` to finish the batch in hand and return."""
        self._stopping.set()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._consume()
            except StoppedError:
                break
            except (KafkaError, OSError, TimeoutError, ConsumerStoppedError) as error:
                _logger.warning(
                    "consumer_reconnects", group=self._group, error=type(error).__name__
                )
                with suppress(StoppedError):
                    await self._or_stop(asyncio.sleep(_RECONNECT_S))

    async def _consume(self) -> None:
        rebalances = _Rebalances()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=self._heartbeat_interval_ms,
            max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            metadata_max_age_ms=30_000,
        )
        noted = NotedOffsets(consumer, group=self._group)
        collector = Collector(
            consumer, self._watch, max_batch=self._sizer.usual, max_wait_ms=self._max_wait_ms
        )
        consumer.subscribe(self._topics, listener=rebalances)
        try:
            await self._or_stop(consumer.start())
            seen = -1
            while not self._stopping.is_set():
                if seen != rebalances.count or not self._watch.fits(consumer.assignment()):
                    seen = rebalances.count
                    self._watch.assigned(consumer.assignment())
                    collector.drop()
                    noted.forget()
                await self._turn(consumer, collector, noted, rebalances)
        finally:
            self._watch.unassigned()
            await noted.finish(self._watch.states)
            await consumer.stop()

    async def _turn(
        self,
        consumer: AIOKafkaConsumer,
        collector: Collector,
        noted: NotedOffsets,
        rebalances: "_Rebalances",
    ) -> None:
        try:
            # What was collected ahead comes before that: verifying begins anew behind it.
            if self._watch.has_unverified and not collector.has_ahead:
                await self._or_stop(self._watch.verify(consumer))
            lag_events = sum(state.lag_events for state in self._watch.states.values())
            collector.max_batch = self._sizer.size(lag_events)
            batch = await collector.collect()
            if batch:
                await self._apply_and_collect(batch, collector)
            if not rebalances.under_way:
                # In the midst of one it would be refused, and the refusal have us join again.
                noted.note(self._watch.states)
            if time.monotonic() - self._looked_at > _LOOK_S:
                self._looked_at = time.monotonic()
                await self._or_stop(self._watch.look(consumer))
        except IllegalStateError:
            # A partition went away in between; the next turn sees the new assignment.
            return
        except StoppedError:
            raise
        except Exception as error:
            if classify(error) is None:
                raise
            # The database is away: stay in the group and look again.
            _logger.warning("watermarks_unreadable", group=self._group, **describe_error(error))
            await self._or_stop(asyncio.sleep(_RECONNECT_S))

    async def _apply_and_collect(self, batch: list[Record], collector: Collector) -> None:
        ahead = asyncio.create_task(collector.collect_ahead())
        not_whole: Collection[Partition] | None = None
        try:
            not_whole = await self._apply(batch)
        finally:
            # It stands only between two takings: no record is lost, and `collect` goes on there.
            ahead.cancel()
            (outcome,) = await asyncio.gather(ahead, return_exceptions=True)
            collector.drop(not_whole)
        if isinstance(outcome, Exception):
            raise outcome

    async def _apply(self, batch: list[Record]) -> Collection[Partition]:
        """Apply a batch; answer the partitions of which not all was applied."""
        started = time.monotonic()
        states = self._watch.states
        offsets = {p: s.applied_offset for p, s in states.items()}
        try:
            halts = await self._applier.apply(batch, offsets)
        except StalePositionError:
            _logger.warning("watermark_moved_by_another", group=self._group)
            self._watch.doubt_all()
            return states
        for partition, offset in offsets.items():
            states[partition].applied_offset = offset
        for partition, last in last_by_partition(batch).items():
            states[partition].applied_timestamp_ms = last.timestamp_ms
        for partition, halt in halts.items():
            self._watch.halt_by_handler(partition, halt)
        duration_s = time.monotonic() - started
        self._sizer.took(len(batch), duration_s)
        _logger.info(
            "batch_applied",
            group=self._group,
            records=len(batch),
            duration_ms=round(duration_s * 1000, 1),
        )
        return halts

    async def _or_stop(self, awaitable: Awaitable[_T]) -> _T:
        """Wait for something, but not for longer than until `stop`; then StoppedError."""
        task = asyncio.ensure_future(awaitable)
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise StoppedError
        finally:
            for waiting in (task, stopped):
                if not waiting.done():
                    waiting.cancel()
                    await asyncio.gather(waiting, return_exceptions=True)


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Notes rebalances; the loop does the rest."""

    def __init__(self) -> None:
        self.count = 0
        self.under_way = True
        """From before the member asks to join until it has been given its partitions."""

    def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002 - its protocol
        self.count += 1
        self.under_way = True

    def on_partitions_assigned(self, assigned: object) -> None:  # noqa: ARG002 - its protocol
        self.count += 1
        self.under_way = False

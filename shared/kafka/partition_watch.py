"""The partitions of one group member: verified when they come, watched while they stay."""

import time
from collections.abc import Iterable
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.kafka import watermarks
from shared.kafka.gaps import take_acceptance
from shared.kafka.metrics import ConsumerMetrics
from shared.kafka.positions import Flow, Halt, PartitionState
from shared.kafka.records import Partition
from shared.telemetry.logs import get_logger

_RETRY_HALTED_S: Final = 30.0

_logger = get_logger()


class PartitionWatch:
    """Knows the state of each assigned partition. Used by the consumer's loop only."""

    def __init__(self, *, group: str, pool: asyncpg.Pool, metrics: ConsumerMetrics | None) -> None:
        self._group = group
        self._pool = pool
        self._metrics = metrics
        self.states: dict[Partition, PartitionState] = {}
        self._has_joined = False

    @property
    def is_settled(self) -> bool:
        """Whether the group was joined and every partition was looked at."""
        return self._has_joined and not self.has_unverified

    @property
    def has_unverified(self) -> bool:
        """Whether `verify` has work to do."""
        return any(state.flow is Flow.UNVERIFIED for state in self.states.values())

    def fits(self, assignment: Iterable[TopicPartition]) -> bool:
        """Whether these are the partitions that it knows."""
        return {Partition(tp.topic, tp.partition) for tp in assignment} == self.states.keys()

    def assigned(self, assignment: Iterable[TopicPartition]) -> None:
        """Begin anew with these partitions, whatever was known of them before."""
        self.unassigned()
        self.states = {Partition(tp.topic, tp.partition): PartitionState() for tp in assignment}
        self._has_joined = True

    def unassigned(self) -> None:
        """Forget the partitions' figures: another member may have them now."""
        self._has_joined = False
        if self._metrics is None:
            return
        for topic, partition in self.states:
            labels = (self._group, topic, str(partition))
            for gauge in (
                self._metrics.lag_events,
                self._metrics.lag_seconds,
                self._metrics.halted,
            ):
                gauge.labels(*labels).set(0)

    def doubt_all(self) -> None:
        """Verify every partition that is not halted again."""
        for state in self.states.values():
            if state.flow is not Flow.HALTED:
                state.flow = Flow.UNVERIFIED

    async def verify(self, consumer: AIOKafkaConsumer) -> None:
        """Hold the watermark of each unverified partition against its log, and seek or halt.

        Raises KafkaError or what asyncpg raises; then nothing is verified and it may be repeated.
        """
        partitions = [p for p, s in self.states.items() if s.flow is Flow.UNVERIFIED]
        tps = [TopicPartition(*partition) for partition in partitions]
        starts = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        async with self._pool.acquire() as connection:
            known = await watermarks.load(connection, self._group, partitions)
            for partition, tp in zip(partitions, tps, strict=True):
                if partition not in known:
                    await watermarks.begin(connection, self._group, partition, starts[tp])
                    known[partition] = watermarks.Watermark(starts[tp], None, None)
        for partition, tp in zip(partitions, tps, strict=True):
            state = self.states[partition]
            position = state.begin(known[partition], starts[tp], ends[tp])
            if position is None:
                self.halted(consumer, tp)
            else:
                consumer.seek(tp, position)
                consumer.resume(tp)
        self._measure()

    def halted(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
        """Stop fetching a partition whose state says so, and say what is missing."""
        consumer.pause(tp)
        self._alert(Partition(tp.topic, tp.partition))

    def halt_by_handler(self, partition: Partition, halt: Halt) -> None:
        """Stand still before a record that the handler would not pass over."""
        state = self.states[partition]
        state.flow = Flow.HALTED
        state.halt = halt
        self._alert(partition)

    async def look(self, consumer: AIOKafkaConsumer) -> None:
        """Measure lag, notice a log that was cut, and see whether a halted partition may go on."""
        tps = [TopicPartition(*partition) for partition in self.states]
        try:
            ends = await consumer.end_offsets(tps) if tps else {}
        except KafkaError as error:
            _logger.warning("lag_unknown", group=self._group, error=type(error).__name__)
            return
        for tp, end in ends.items():
            state = self.states[Partition(tp.topic, tp.partition)]
            state.log_end = end
            if end < state.applied_offset and state.flow is not Flow.HALTED:
                state.flow = Flow.UNVERIFIED
            if state.flow is Flow.HALTED:
                # Also after a halt by the handler, where fetching has gone on until now.
                consumer.pause(tp)
        self._measure()
        for partition, state in self.states.items():
            if state.halt is not None and await self._may_go_on(partition, state.halt):
                state.halt = None
                state.flow = Flow.UNVERIFIED

    async def _may_go_on(self, partition: Partition, halt: Halt) -> bool:
        if not halt.is_gap:
            # The handler decides again: what it needs may have come in the meantime.
            return time.monotonic() - halt.since > _RETRY_HALTED_S
        async with self._pool.acquire() as connection, connection.transaction():
            return await take_acceptance(
                connection,
                self._group,
                partition,
                halt.reason,
                from_offset=halt.from_offset,
                to_offset=halt.to_offset,
            )

    def _alert(self, partition: Partition) -> None:
        state = self.states[partition]
        if state.halt is None:
            return
        _logger.error(
            "partition_halted",
            group=self._group,
            topic=partition.topic,
            partition=partition.partition,
            reason=state.halt.reason.value,
            code=state.halt.code,
            watermark=state.applied_offset,
            missing_from=state.halt.from_offset,
            goes_on_at=state.halt.to_offset,
            log_start=state.log_start,
            log_end=state.log_end,
        )
        self._measure()

    def _measure(self) -> None:
        if self._metrics is None:
            return
        now = time.time()
        for (topic, number), state in self.states.items():
            labels = (self._group, topic, str(number))
            self._metrics.lag_events.labels(*labels).set(state.lag_events)
            self._metrics.lag_seconds.labels(*labels).set(state.lag_seconds(now))
            self._metrics.halted.labels(*labels).set(state.halt is not None)

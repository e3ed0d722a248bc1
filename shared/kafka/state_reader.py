"""Reading state (compacted) topics whole, and following them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord

from shared.kafka.all_partitions import POLL_MS, RECONNECT_S, read_all
from shared.kafka.incoming import to_record
from shared.kafka.metrics import StateReaderMetrics
from shared.kafka.records import Partition, Record
from shared.telemetry.logs import get_logger

# How long the loop is held up at once: about 10 ms.
_MAX_RECORDS: Final = 1_000
# Of each partition. More is no faster, and for a moment each is in memory more than once.
_FETCH_BYTES: Final = 2 * 1024 * 1024

TakeState: TypeAlias = Callable[[bytes | None, bytes | None], None]
"""Takes a record's key and value; the value of a tombstone is None."""

_logger = get_logger()


class StateTopicReader:
    """Hands every record of some state topics to `apply`, from the beginning, then the changes.

    Reads all partitions without a group, committed transactions only. `apply` is called in order
    within a partition, must not block, and may be called again with what it has seen; a tombstone
    has the value None. An error that `apply` raises ends `run`.

    A topic in `states` has its records handed to the function there, by key and value alone: of a
    million records that is a second less. Of a topic in `passed_over` the records whose key begins
    with the bytes there are not handed on at all.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        client_id: str,
        topics: Sequence[str],
        apply: Callable[[Record], None],
        states: Mapping[str, TakeState] | None = None,
        passed_over: Mapping[str, bytes] | None = None,
        metrics: StateReaderMetrics | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._topics = tuple(topics)
        self._apply = apply
        self._states = states or {}
        self._passed_over = passed_over or {}
        self._metrics = metrics
        self._ready = asyncio.Event()
        self._targets: dict[TopicPartition, int] | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}

    @property
    def ready(self) -> bool:
        """Whether all that was on the topics when reading began has been applied."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Wait until `ready`."""
        await self._ready.wait()

    @property
    def lag(self) -> dict[Partition, int]:
        """Offsets still ahead, by partition, as of the last fetch. Counts transaction markers."""
        return {
            Partition(tp.topic, tp.partition): max(0, self._ends.get(tp, 0) - position)
            for tp, position in self._positions.items()
        }

    @property
    def positions(self) -> dict[Partition, int]:
        """The next offset of each partition: all below it has been applied."""
        return {Partition(tp.topic, tp.partition): at for tp, at in self._positions.items()}

    async def run(self) -> None:
        """Read until cancelled. Waits for a broker that is away, and goes on where it was."""
        while True:
            try:
                await self._read()
            except (KafkaError, OSError, TimeoutError) as error:
                _logger.warning(
                    "state_reader_reconnects", topics=self._topics, error=type(error).__name__
                )
            await asyncio.sleep(RECONNECT_S)

    async def _read(self) -> None:
        await read_all(
            self._topics,
            bootstrap=self._bootstrap,
            client_id=self._client_id,
            seek=self._seek,
            poll=self._poll,
            isolation_level="read_committed",
            max_partition_fetch_bytes=_FETCH_BYTES,
        )

    async def _seek(self, consumer: AIOKafkaConsumer, tps: frozenset[TopicPartition]) -> None:
        starts = await consumer.beginning_offsets(tps)
        # Under read_committed these ends are the last stable offsets: an open transaction of a
        # publisher that stands still is not waited for.
        ends = await consumer.end_offsets(tps)
        self._ends = dict(ends)
        if self._targets is None:
            self._targets = dict(ends)
        positions = {}
        for tp in tps:
            known = self._positions.get(tp)
            if known is not None and not starts[tp] <= known <= ends[tp]:
                _logger.error("state_topic_lost_offsets", topic=tp.topic, partition=tp.partition)
                known = None
            positions[tp] = starts[tp] if known is None else known
            consumer.seek(tp, positions[tp])
        self._positions = positions
        self._look_ready()

    async def _poll(self, consumer: AIOKafkaConsumer, tps: frozenset[TopicPartition]) -> None:
        try:
            batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=_MAX_RECORDS)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError):
            # The topic was cut or made anew: what is left of it is read from its beginning.
            await self._seek(consumer, tps)
            return
        for tp, records in batches.items():
            self._take(tp, records)
        for tp in tps:
            # The position, not the last record: it also passes over transaction markers.
            self._positions[tp] = await consumer.position(tp)
            end = consumer.last_stable_offset(tp)
            if end is not None and end >= 0:
                self._ends[tp] = end
        self._look_ready()

    def _take(self, tp: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        beginning = self._passed_over.get(tp.topic)
        if beginning is not None:
            records = [raw for raw in records if not (raw.key or b"").startswith(beginning)]
        take = self._states.get(tp.topic)
        if take is None:
            for raw in records:
                self._apply(to_record(tp, raw))
        else:
            for raw in records:
                take(raw.key, raw.value)

    def _look_ready(self) -> None:
        if self._metrics is not None:
            for (topic, partition), lag in self.lag.items():
                self._metrics.lag_events.labels(topic, str(partition)).set(lag)
        if self._ready.is_set() or self._targets is None:
            return
        if all(self._positions.get(tp, 0) >= end for tp, end in self._targets.items()):
            self._ready.set()
            _logger.info("state_read", topics=self._topics)

"""Following a topic from its end on: for who shows what happens now, and keeps nothing."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from shared.kafka.all_partitions import POLL_MS, RECONNECT_S, read_all
from shared.kafka.incoming import to_record
from shared.kafka.records import Record
from shared.telemetry.logs import get_logger

_logger = get_logger()
# How long the loop is held up at once: some 10 ms.
_MAX_RECORDS: Final = 200
MAX_BEHIND: Final = 20_000


class TopicTail:
    """Hands on each record that is written from now on, of all partitions, without a group.

    `take` must not block. Who cannot keep up with the topic skips: beyond `max_behind` records it
    goes on at the end, and `skipped` is told how many those were. May be run again after its end.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        client_id: str,
        topic: str,
        take: Callable[[Sequence[Record]], None],
        skipped: Callable[[int], None],
        max_behind: int = MAX_BEHIND,
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._topic = topic
        self._take = take
        self._skipped = skipped
        self._max_behind = max_behind
        self._at_end = asyncio.Event()
        self._positions: dict[TopicPartition, int] = {}

    async def wait_ready(self) -> None:
        """Wait until what is written from now on will be handed on."""
        await self._at_end.wait()

    @property
    def positions(self) -> dict[int, int]:
        """By partition: what lies below was handed on, or was there before."""
        return {tp.partition: position for tp, position in self._positions.items()}

    async def run(self) -> None:
        """Follow until cancelled. After a broker was away it goes on where it was."""
        try:
            while True:
                try:
                    await self._follow()
                except (KafkaError, OSError, TimeoutError) as error:
                    _logger.warning(
                        "tail_reconnects", topic=self._topic, error=type(error).__name__
                    )
                self._at_end.clear()
                await asyncio.sleep(RECONNECT_S)
        finally:
            self._at_end.clear()
            self._positions = {}

    async def _follow(self) -> None:
        await read_all(
            [self._topic],
            bootstrap=self._bootstrap,
            client_id=self._client_id,
            seek=self._seek,
            poll=self._poll,
        )

    async def _seek(self, consumer: AIOKafkaConsumer, tps: frozenset[TopicPartition]) -> None:
        starts = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        # Of a partition that came to be while others were followed, all is new.
        is_first = not self._positions
        for tp in tps:
            known = self._positions.get(tp, ends[tp] if is_first else starts[tp])
            position = known if starts[tp] <= known <= ends[tp] else ends[tp]
            consumer.seek(tp, position)
            self._positions[tp] = position
        self._at_end.set()

    async def _poll(self, consumer: AIOKafkaConsumer, tps: frozenset[TopicPartition]) -> None:
        try:
            batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=_MAX_RECORDS)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError):
            self._positions = {}
            await self._seek(consumer, tps)
            return
        for tp, records in batches.items():
            self._take([to_record(tp, raw) for raw in records])
            self._positions[tp] = records[-1].offset + 1
        behind = {tp: self._behind(consumer, tp) for tp in tps}
        if sum(behind.values()) > self._max_behind:
            self._skipped(sum(behind.values()))
            for tp, count in behind.items():
                self._positions[tp] += count
                consumer.seek(tp, self._positions[tp])

    def _behind(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> int:
        end = consumer.highwater(tp)
        return 0 if end is None else max(0, end - self._positions[tp])

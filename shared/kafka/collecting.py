"""Batches of the records that may be applied, the next one collected while the last is applied."""

import asyncio
import time
from collections.abc import Collection
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from shared.kafka.incoming import event_id, to_record
from shared.kafka.partition_watch import PartitionWatch
from shared.kafka.records import Partition, Record

_IDLE_POLL_MS: Final = 200
_PIECE: Final = 100
"""Records that are unpacked ahead without letting others on the loop: about a millisecond."""


class Collector:
    """Collects for one client. Used by the consumer's loop only.

    What was collected ahead goes on from the batch before it: unless that was applied whole,
    `drop` must be called before the partitions are verified again.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        watch: PartitionWatch,
        *,
        max_batch: int,
        max_wait_ms: int,
    ) -> None:
        self._consumer = consumer
        self._watch = watch
        self.max_batch = max_batch
        """Records of a batch at the most; may be changed between two."""
        self._max_wait_s = max_wait_ms / 1000
        self._last_batch_at = 0.0
        self._ahead: list[Record] = []

    @property
    def has_ahead(self) -> bool:
        """Whether records wait that were collected ahead."""
        return bool(self._ahead)

    def drop(self, partitions: Collection[Partition] | None = None) -> None:
        """Forget what was collected ahead, of these partitions or of all."""
        if partitions is None:
            self._ahead = []
        elif partitions:
            self._ahead = [
                r for r in self._ahead if Partition(r.topic, r.partition) not in partitions
            ]

    async def collect(self) -> list[Record]:
        """The next batch; empty where nothing comes for a while. Raises KafkaError."""
        batch, self._ahead = self._ahead, []
        timeout_ms = self._wait_ms() if batch else _IDLE_POLL_MS
        while len(batch) < self.max_batch:
            if not await self._take(batch, self.max_batch - len(batch), timeout_ms):
                break
            timeout_ms = self._wait_ms()
            if not batch or timeout_ms == 0:
                break
        if batch:
            self._last_batch_at = time.monotonic()
        return batch

    async def collect_ahead(self) -> None:
        """Take what was fetched already, for the next `collect`. Raises KafkaError."""
        while len(self._ahead) < self.max_batch and not self._watch.has_unverified:
            before = len(self._ahead)
            await self._take(self._ahead, min(_PIECE, self.max_batch - before), 0)
            if len(self._ahead) == before:
                return
            await asyncio.sleep(0)

    def _wait_ms(self) -> int:
        wait_s = self._last_batch_at + self._max_wait_s - time.monotonic()
        return 0 if wait_s <= 0 else max(1, int(wait_s * 1000))

    async def _take(self, batch: list[Record], count: int, timeout_ms: int) -> bool:
        """Add up to `count` records; False where the partitions have to be verified first."""
        try:
            fetched = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=count)
        except (NoOffsetForPartitionError, OffsetOutOfRangeError):
            # Not sought yet, or the log is no longer there: verifying tells which.
            self._watch.doubt_all()
            return False
        for tp, records in fetched.items():
            state = self._watch.states.get(Partition(tp.topic, tp.partition))
            if state is None:
                continue
            batch.extend(to_record(tp, raw) for raw in state.admit(records, event_id))
            if state.halt is not None:
                self._watch.halted(self._consumer, tp)
        return True

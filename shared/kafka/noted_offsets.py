"""The offsets that a group commits in Kafka, for those who watch it from outside.

The watermark is the truth; so these may lag, and a failure to note them costs nothing.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.kafka.positions import Flow, PartitionState
from shared.kafka.records import Partition
from shared.telemetry.logs import get_logger

_EVERY_S: Final = 0.5
_LAST_TIMEOUT_S: Final = 2.0

_logger = get_logger()


class NotedOffsets:
    """Commits one client's offsets now and then, beside the loop that applies."""

    def __init__(self, consumer: AIOKafkaConsumer, *, group: str) -> None:
        self._consumer = consumer
        self._group = group
        self._noted: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._at = 0.0

    def forget(self) -> None:
        """After a rebalance: others may have noted something since."""
        self._noted.clear()

    def note(self, states: Mapping[Partition, PartitionState]) -> None:
        """Note what has changed, in the background and not too often."""
        now = time.monotonic()
        if now - self._at < _EVERY_S or (self._task is not None and not self._task.done()):
            return
        self._at = now
        self._task = asyncio.create_task(self._commit(states))

    async def finish(self, states: Mapping[Partition, PartitionState]) -> None:
        """Note the last ones, if Kafka answers in time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_TIMEOUT_S):
                await self._commit(states)

    async def _commit(self, states: Mapping[Partition, PartitionState]) -> None:
        changed = {
            tp: state.applied_offset
            for partition, state in states.items()
            if state.flow is Flow.FLOWING
            and self._noted.get(tp := TopicPartition(*partition)) != state.applied_offset
        }
        if not changed:
            return
        try:
            await self._consumer.commit(changed)
        except (KafkaError, OSError) as error:
            _logger.debug("offsets_not_noted", group=self._group, error=type(error).__name__)
        else:
            self._noted.update(changed)

"""Sending the lanes' batches: one on its way for each partition, each acknowledged on its own."""

import asyncio
from collections.abc import Callable
from typing import Final

from services.relay.journal.records import CompletedRecord
from services.relay.metrics import JournalMetrics
from services.relay.publishing.event_records import Headers
from services.relay.publishing.lanes import Lane
from shared.kafka.connection import SentBatch
from shared.kafka.errors import SendError
from shared.kafka.producer import IdempotentProducer
from shared.telemetry.logs import get_logger

_logger = get_logger()
_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 5.0


class LaneSender:
    """Moves one lane on, as far as it can without waiting for the broker."""

    def __init__(
        self,
        lane: Lane,
        *,
        topic: str,
        headers: Callable[[CompletedRecord], Headers],
        producer: IdempotentProducer,
        metrics: JournalMetrics,
        timeout_s: float,
    ) -> None:
        self._lane = lane
        self._topic = topic
        self._headers = headers
        self._producer = producer
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._batch: SentBatch | None = None
        self._give_up_at = 0.0
        self._send_from = 0.0
        self._retry_s = _FIRST_RETRY_S

    @property
    def has_batch(self) -> bool:
        """Whether one is on its way."""
        return self._batch is not None

    @property
    def has_waiting(self) -> bool:
        """Whether there is anything for a next batch."""
        return bool(self._lane.waiting)

    async def look(self) -> None:
        """See whether the last batch has arrived; where it has not, its records go again."""
        if self._batch is not None:
            await self._look(self._batch)

    async def send(self) -> None:
        """Send the next batch, unless one is on its way or it is too early. Does not raise."""
        if self._batch is not None or not self._lane.waiting or _now() < self._send_from:
            return
        try:
            batch = await self._producer.start_batch(
                self._topic, self._lane.partition, self._lane.parts(self._headers)
            )
        except SendError as error:
            self._rest(error)
            return
        self._lane.start(batch.size)
        self._batch = batch
        self._give_up_at = _now() + self._timeout_s

    async def _look(self, batch: SentBatch) -> None:
        answer = batch.acknowledged
        if answer.done():
            error = asyncio.CancelledError() if answer.cancelled() else answer.exception()
            if error is None:
                self._batch = None
                self._retry_s = _FIRST_RETRY_S
                count = self._lane.acknowledge()
                self._metrics.published.inc(count)
                self._metrics.batch.observe(count)
                return
        elif _now() < self._give_up_at:
            return
        else:
            error = TimeoutError()
        await self._producer.give_up(batch)
        self._batch = None
        self._lane.take_back()
        self._rest(error)

    def _rest(self, error: BaseException) -> None:
        # What was written twice has the same id.
        self._metrics.failures.inc()
        _logger.warning(
            "journal.publish_failed",
            partition=self._lane.partition,
            error=type(error.__cause__ or error).__name__,
        )
        self._send_from = _now() + self._retry_s
        self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)


def _now() -> float:
    return asyncio.get_running_loop().time()

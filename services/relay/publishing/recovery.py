"""Finishing what relays that are gone left in their journals.

1. Take the folder's lock: nobody else writes to it or recovers it, and its relay is not alive.
2. What was admitted and never completed becomes `interrupted`, at no cost.
3. Publish what is not known to be on Kafka; what is there twice has the same id.
4. Close the leases with what the journal says was used: the unused is free at once.
5. Mark the relay closed, and remove the folder.
Any step may be cut off: the next to take the lock begins again, and no effect counts twice.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from services.relay.journal.directory import JournalDirectory
from services.relay.journal.records import CompletedRecord
from services.relay.journal.scan import Scanned, scan
from services.relay.leases.holds import LeaseExchange
from services.relay.metrics import JournalMetrics
from services.relay.publishing.event_records import outgoing, source_of
from services.relay.publishing.marks import mark_record
from services.relay.recording.completion import interrupted, started_at, time_of
from shared.events.catalog import RELAY_REQUESTS
from shared.events.health import RelayMarked
from shared.http.internal_client import InternalCallError
from shared.kafka.errors import SendError
from shared.kafka.producer import IdempotentProducer
from shared.leases.protocol import LeaseAsk, LeaseAsks
from shared.telemetry.logs import get_logger

_logger = get_logger()
_LOOK_EVERY_S: Final = 5.0
_BATCH: Final = 500
_LAST_SEQ: Final = 2**62


class Recovery:
    """Recovers the journals under one root."""

    def __init__(
        self,
        *,
        root: Path,
        producer: IdempotentProducer,
        exchange: LeaseExchange,
        metrics: JournalMetrics,
    ) -> None:
        self._root = root
        self._producer = producer
        self._exchange = exchange
        self._metrics = metrics
        self._acknowledged: dict[str, set[bytes]] = {}
        """Of folders that could not be finished: what need not be sent again at the next try."""

    async def run(self) -> None:
        """Look for orphans until cancelled."""
        while True:
            for directory in JournalDirectory.take_over(self._root):
                try:
                    await self.recover(directory)
                except (SendError, InternalCallError) as error:
                    _logger.warning(
                        "recovery.delayed",
                        relay_id=directory.relay_id,
                        error=type(error).__name__,
                    )
                finally:
                    directory.unlock()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def recover(self, directory: JournalDirectory) -> None:
        """All five steps for one folder. Raises SendError or InternalCallError; try again then."""
        scanned = await asyncio.to_thread(scan, directory)
        self._metrics.quarantined.inc(scanned.quarantined)
        ended_at = _ended_at(scanned)
        ended = [
            interrupted(skeleton, request_id=request_id, now=ended_at)
            for request_id, skeleton in scanned.interrupted.items()
        ]
        relay_id = directory.relay_id
        await self._publish([*scanned.unpublished, *ended], relay_id)
        await self._close_leases(relay_id, scanned)
        count = scanned.published_count + len(scanned.unpublished) + len(ended)
        now = datetime.now(UTC)
        mark = RelayMarked(
            relay_id=relay_id,
            published_until=now,
            published_count=count,
            closed=True,
            marked_at=now,
        )
        await self._producer.send_all([mark_record(mark, source=source_of(relay_id))])
        await asyncio.to_thread(directory.remove)
        self._acknowledged.pop(relay_id, None)
        _logger.info(
            "recovery.done",
            relay_id=relay_id,
            published=len(scanned.unpublished),
            interrupted=len(ended),
            leases_closed=len(scanned.leases),
        )

    async def _publish(self, records: Sequence[CompletedRecord], relay_id: str) -> None:
        """Raises SendError where one partition or more did not take all of its records."""
        source = source_of(relay_id)
        acknowledged = self._acknowledged.setdefault(relay_id, set())
        left = [record for record in records if record.request_id not in acknowledged]
        failed: Exception | None = None
        for start in range(0, len(left), _BATCH):
            part = left[start : start + _BATCH]
            outcomes = await self._producer.send_partitioned(
                RELAY_REQUESTS.name,
                [outgoing(record, source=source, is_replayed=True) for record in part],
            )
            for record, outcome in zip(part, outcomes, strict=True):
                if outcome is None:
                    acknowledged.add(record.request_id)
                else:
                    failed = outcome
        if failed is not None:
            raise SendError("not all of a journal was acknowledged") from failed

    async def _close_leases(self, relay_id: str, scanned: Scanned) -> None:
        asks = [
            LeaseAsk(
                lease_id=lease_id,
                subject=lease.subject,
                seq=_LAST_SEQ,  # above whatever its relay sent last
                used_total=lease.used_total,
                need_total=lease.used_total,
                want_total=lease.used_total,
                close=True,
            )
            for lease_id, lease in scanned.leases.items()
        ]
        for start in range(0, len(asks), _BATCH):
            part = tuple(asks[start : start + _BATCH])
            await self._exchange.exchange(LeaseAsks(relay_id=relay_id, leases=part))


def _ended_at(scanned: Scanned) -> datetime:
    """The last time that the journal tells of: when its relay was last seen alive.

    The same at every try, so that an event which comes twice is the same; and not before what the
    relay's last mark said was complete.
    """
    started = [started_at(skeleton) for skeleton in scanned.interrupted.values()]
    return max([time_of(scanned.last_us), *started])

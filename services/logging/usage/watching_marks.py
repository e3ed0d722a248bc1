"""Following the relays' marks, to say up to when the tables are complete.

1. the end of `relay.health`     what a relay said before now is known once the reader is there
2. the earliest of the marks     every event before it is on the topic
3. the ends of `relay.requests`  asked for after (2), so that those events are below them
4. the watermarks of the group   once they are past (3), the events of (2) are in the tables
"""

import asyncio
from typing import Final

import asyncpg

from services.logging.metrics import LoggingMetrics
from services.logging.usage.freshness import LOGGING, Published, Vouching, published
from services.logging.usage.store_freshness import applied_offsets, note_freshness
from shared.events.catalog import RELAY_HEALTH, RELAY_REQUESTS
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.events.health import RelayMarked
from shared.kafka.records import Record
from shared.kafka.spans import SpanReader, SpanUnavailableError
from shared.kafka.state_reader import StateTopicReader
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY, Connection, in_transaction
from shared.service.clock import Clock, utc_now
from shared.telemetry.logs import get_logger

_EVERY_S: Final = 1.0
_KEY: Final = b"mark:"
_OPERATOR: Final = b"ledgerline/operations/accept_gap"
"""Who closes the mark of a relay whose journal is lost."""
_DECODER: Final = Decoder((RelayMarked,))

_logger = get_logger()


class RelayMarks:
    """The newest mark of each relay."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, RelayMarked] = {}

    def apply(self, record: Record) -> None:
        """The state reader's. What is no mark changes nothing."""
        key = record.key or b""
        if not key.startswith(_KEY):
            return
        if record.value is None:
            self._by_key.pop(key, None)
            return
        try:
            mark = _DECODER.decode(record.headers, record.value)
        except (UnknownEventError, MalformedEventError) as error:
            # The relay's mark before holds on: it only holds the figures back.
            _logger.error("freshness.mark_unreadable", why=str(error))
            return
        if isinstance(mark, RelayMarked):
            self._by_key[key] = mark
            if record.headers.get("ce_source") == _OPERATOR:
                at = mark.marked_at.isoformat()
                _logger.warning("freshness.relay_given_up", relay_id=mark.relay_id, at=at)

    def published(self, now_s: float) -> Published:
        """What they say together."""
        return published(self._by_key.values(), now_s=now_s)


class MarksWatcher:
    """Writes `log_freshness` once a second, in every process of the service."""

    def __init__(
        self,
        *,
        bootstrap: str,
        client_id: str,
        group: str,
        pool: asyncpg.Pool,
        metrics: LoggingMetrics,
        clock: Clock = utc_now,
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._group = group
        self._pool = pool
        self._metrics = metrics
        self._clock = clock
        self._marks = RelayMarks()
        self._vouching = Vouching()
        self._reader = StateTopicReader(
            bootstrap=bootstrap,
            client_id=f"{client_id}-marks",
            topics=[RELAY_HEALTH.name],
            apply=self._marks.apply,
            passed_over={RELAY_HEALTH.name: b"channel:"},
        )

    async def run(self) -> None:
        """Follow until cancelled. A broker or a database that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reader.run())
            group.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            try:
                async with SpanReader(
                    bootstrap=self._bootstrap, client_id=f"{self._client_id}-ends"
                ) as ends:
                    while True:
                        await self._look(ends)
                        await asyncio.sleep(_EVERY_S)
            except SpanUnavailableError as error:
                _logger.warning("freshness.unknown", error=str(error))
            except DATABASE_AWAY as error:
                _logger.warning("freshness.unknown", **describe_error(error))
            await asyncio.sleep(_EVERY_S)

    async def _look(self, ends: SpanReader) -> None:
        now_s = self._clock().timestamp()
        held = await ends.held(RELAY_HEALTH.name)
        known = self._reader.positions
        if any(known.get(partition, 0) < span.end for partition, span in held.items()):
            return  # a mark is on its way: in a second it is known
        told = self._marks.published(now_s)
        requests = await ends.held(RELAY_REQUESTS.name)
        self._vouching.note(
            told.until, {place.partition: span.end for place, span in requests.items()}, now_s=now_s
        )
        late = (LOGGING,) if self._vouching.is_late(now_s=now_s) else ()

        async def work(connection: Connection) -> int:
            until = self._vouching.reached(await applied_offsets(connection, self._group))
            await note_freshness(connection, until, (*told.held_back_by, *late))
            return until

        until = await in_transaction(self._pool, work, idempotent=True)
        self._vouching.forget(until)
        if until:
            self._metrics.complete_until.set(until)

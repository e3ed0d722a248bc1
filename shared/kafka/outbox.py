"""Kept topics of a service with tables: records written in the transaction that they tell of.

`enqueue` is called in the business transaction. Whoever holds the lock, an `OutboxPublisher`, sends
the rows in order of id, at least once, and deletes each after the broker has acknowledged it.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from shared.kafka.errors import SendError
from shared.kafka.lock_session import LockSession, hold_lock
from shared.kafka.metrics import OutboxMetrics
from shared.kafka.outbox_rows import OutboxRecord, decode_row, encode_row
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from shared.kafka.turns import Turns
from shared.postgres.retrying import Connection
from shared.telemetry.logs import get_logger

_CHANNEL: Final = "event_outbox"
_POLL_S: Final = 1.0
_MAX_ROWS: Final = 64
_MAX_BYTES: Final = 8 * 1024 * 1024

_ENQUEUE: Final = "INSERT INTO event_outbox (topic, records) VALUES ($1, $2)"
_NOTIFY: Final = "SELECT pg_notify(current_schema() || '.event_outbox', '')"
# The first rows, by id, that fit into one round; always at least one.
_READ: Final = """
SELECT id, topic, records FROM (
    SELECT id, topic, records, sum(octet_length(records)) OVER (ORDER BY id) AS bytes_until
    FROM (SELECT id, topic, records FROM event_outbox ORDER BY id LIMIT $1) AS first_rows
) AS measured
WHERE bytes_until - octet_length(records) < $2
ORDER BY id
"""
_DELETE: Final = "DELETE FROM event_outbox WHERE id = ANY($1::bigint[])"
_DEPTH: Final = """
SELECT count(*) AS rows, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS age_s
FROM event_outbox
"""

_logger = get_logger()


async def enqueue(connection: Connection, topic: str, records: Sequence[OutboxRecord]) -> None:
    """Put records for `topic` into the outbox as one row, within the caller's transaction."""
    if not records:
        return
    await connection.execute(_ENQUEUE, topic, encode_row(records))
    await connection.execute(_NOTIFY)


class OutboxPublisher:
    """Sends `event_outbox` in sequence for as long as it holds the lock, else waits for it."""

    def __init__(
        self, *, dsn: str, producer: IdempotentProducer, metrics: OutboxMetrics | None = None
    ) -> None:
        self._dsn = dsn
        self._producer = producer
        self._metrics = metrics
        self._turns = Turns("outbox_publisher")
        self._wake = asyncio.Event()
        self._measured_at = 0.0

    @property
    def is_publishing(self) -> bool:
        """Whether this process holds the lock."""
        return self._turns.has_turn

    async def run(self) -> None:
        """Publish until cancelled. Survives both servers' restarts."""
        await self._turns.run(self._turn)

    async def _turn(self) -> None:
        async with hold_lock(
            self._dsn, name="event_outbox", channel=_CHANNEL, on_notify=self._wake.set
        ) as session:
            await self._turns.hold(session, self._publish_all(session))

    async def _publish_all(self, session: LockSession) -> None:
        while True:
            self._wake.clear()
            while await self._publish_some(session):
                await self._measure(session)
            await self._measure(session)
            try:
                await asyncio.wait_for(self._wake.wait(), _POLL_S)
            except TimeoutError:
                continue

    async def _measure(self, session: LockSession) -> None:
        now = time.monotonic()
        if self._metrics is None or now - self._measured_at < _POLL_S:
            return
        self._measured_at = now
        async with session.connection() as connection:
            depth = await connection.fetchrow(_DEPTH)
        if depth is not None:
            self._metrics.outbox("event_outbox", rows=depth["rows"], age_s=depth["age_s"])

    async def _publish_some(self, session: LockSession) -> bool:
        async with session.connection() as connection:
            rows = await connection.fetch(_READ, _MAX_ROWS, _MAX_BYTES)
        if not rows:
            return False
        records = [
            OutgoingRecord(row["topic"], record.key, record.value, record.all_headers)
            for row in rows
            for record in decode_row(row["records"])
        ]
        try:
            await self._producer.send_all(records)
        except SendError as error:
            # The rows are still there; the next round sends them again, in the same order.
            _logger.warning("outbox_not_acknowledged", error=type(error.__cause__).__name__)
            await asyncio.sleep(_POLL_S)
            return True
        async with session.connection() as connection:
            await connection.execute(_DELETE, [row["id"] for row in rows])
        return True

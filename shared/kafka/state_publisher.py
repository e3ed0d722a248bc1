"""State (compacted) topics, fed by an outbox of dirty keys and not of values.

An outbox of values can end on an old value for good: two publishers may send out of order. A mark
says only that a key changed; whoever publishes reads the row as it is at that moment.

The order of the steps is what keeps the topic right. Each turn:
  1. hold the advisory lock, on a session that dies when its holder stands still
  2. start the transactional producer, which fences the one of the turn before
  3. read marks, then the rows, on the lock's session (fails when the lock is lost)
  4. send and commit in Kafka (fails when a later turn has begun)
  5. clear each mark whose version is unchanged, on the lock's session
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer

from shared.kafka.abandoning import abandon
from shared.kafka.lock_session import LockSession, hold_lock
from shared.kafka.metrics import OutboxMetrics
from shared.kafka.records import Headers
from shared.kafka.turns import Turns
from shared.postgres.retrying import Connection

_CHANNEL: Final = "state_outbox"
_POLL_S: Final = 1.0
_MAX_KEYS: Final = 500
_TRANSACTION_TIMEOUT_MS: Final = 10_000
_START_TIMEOUT_S: Final = 30.0
_SEND_TIMEOUT_S: Final = 15.0

# Sorted, so that two transactions that mark the same keys lock them in one order.
_MARK: Final = """
INSERT INTO state_outbox (topic, key)
SELECT DISTINCT $1, key FROM unnest($2::text[]) AS key ORDER BY key
ON CONFLICT (topic, key) DO UPDATE
SET version = nextval('state_outbox_version'), marked_at = now()
"""
_NOTIFY: Final = "SELECT pg_notify(current_schema() || '.state_outbox', '')"
_READ: Final = "SELECT topic, key, version FROM state_outbox ORDER BY version LIMIT $1"
_CLEAR: Final = """
DELETE FROM state_outbox AS mark
USING unnest($1::text[], $2::text[], $3::bigint[]) AS sent (topic, key, version)
WHERE mark.topic = sent.topic AND mark.key = sent.key AND mark.version = sent.version
"""
_DEPTH: Final = """
SELECT count(*) AS rows, coalesce(extract(epoch FROM now() - min(marked_at)), 0)::float8 AS age_s
FROM state_outbox
"""


class StateValue(NamedTuple):
    """What a key's row looks like on the topic."""

    value: bytes
    headers: Headers


class Render(Protocol):
    """Reads rows as they are now and renders them for the topic."""

    def __call__(
        self, connection: Connection, topic: str, keys: Sequence[str], /
    ) -> Awaitable[Mapping[str, StateValue | None]]:
        """Answer every key that was asked for; None is a tombstone. May only read."""


async def mark_dirty(connection: Connection, topic: str, keys: Sequence[str]) -> None:
    """Mark keys as changed, in the transaction that changes their rows; wakes the publisher."""
    if not keys:
        return
    await connection.execute(_MARK, topic, list(keys))
    await connection.execute(_NOTIFY)


class StatePublisher:
    """Publishes marked keys for as long as it holds the lock, else waits for it."""

    def __init__(
        self,
        *,
        dsn: str,
        bootstrap: str,
        transactional_id: str,
        render: Render,
        metrics: OutboxMetrics | None = None,
    ) -> None:
        self._dsn = dsn
        self._bootstrap = bootstrap
        self._transactional_id = transactional_id
        self._render = render
        self._metrics = metrics
        self._turns = Turns("state_publisher")
        self._wake = asyncio.Event()

    @property
    def is_publishing(self) -> bool:
        """Whether this process holds the lock."""
        return self._turns.has_turn

    async def run(self) -> None:
        """Publish until cancelled. Survives both servers' restarts."""
        await self._turns.run(self._turn)

    async def _turn(self) -> None:
        async with hold_lock(
            self._dsn, name=_CHANNEL, channel=_CHANNEL, on_notify=self._wake.set
        ) as session:
            await self._turns.hold(session, self._publish_all(session))

    async def _publish_all(self, session: LockSession) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=self._transactional_id,
            transactional_id=self._transactional_id,
            transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
            request_timeout_ms=10_000,
        )
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await producer.start()
            while True:
                self._wake.clear()
                while await self._publish_some(session, producer):
                    pass
                await self._measure(session)
                try:
                    await asyncio.wait_for(self._wake.wait(), _POLL_S)
                except TimeoutError:
                    continue
        finally:
            # Without an abort: after a fence it is not ours to abort, and the next turn's start
            # aborts whatever was left open.
            await abandon(producer)

    async def _publish_some(self, session: LockSession, producer: AIOKafkaProducer) -> bool:
        async with session.connection() as connection:
            marks = await connection.fetch(_READ, _MAX_KEYS)
            if not marks:
                return False
            by_topic: dict[str, list[str]] = {}
            for mark in marks:
                by_topic.setdefault(mark["topic"], []).append(mark["key"])
            states = {
                topic: await self._render(connection, topic, keys)
                for topic, keys in by_topic.items()
            }
        async with asyncio.timeout(_SEND_TIMEOUT_S):
            await _send(producer, [(m["topic"], m["key"], states[m["topic"]]) for m in marks])
        async with session.connection() as connection:
            await connection.execute(
                _CLEAR,
                [mark["topic"] for mark in marks],
                [mark["key"] for mark in marks],
                [mark["version"] for mark in marks],
            )
        return True

    async def _measure(self, session: LockSession) -> None:
        if self._metrics is None:
            return
        async with session.connection() as connection:
            depth = await connection.fetchrow(_DEPTH)
        if depth is not None:
            self._metrics.outbox("state_outbox", rows=depth["rows"], age_s=depth["age_s"])


async def _send(
    producer: AIOKafkaProducer, items: Sequence[tuple[str, str, Mapping[str, StateValue | None]]]
) -> None:
    await producer.begin_transaction()
    for topic, key, states in items:
        state = states[key]
        if state is None:
            await producer.send(topic, key=key.encode(), value=None)
        else:
            await producer.send(
                topic, key=key.encode(), value=state.value, headers=list(state.headers)
            )
    await producer.commit_transaction()

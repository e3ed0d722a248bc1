"""A small service to consume with: one row for each event, refusing what a real one would."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from shared.kafka.consumer import KeptTopicConsumer
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.errors import (
    DeadLetterReason,
    PartitionHaltError,
    Unreadable,
    UnreadableRecordError,
)
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord, Record
from shared.postgres.retrying import Connection
from tests.integration.kafka.waiting import until

SCHEMA = "kafka_test"
GROUP = "readers"
TABLES = """
CREATE TABLE entries (
    event_id text PRIMARY KEY,
    amount integer NOT NULL CHECK (amount < 1000),
    place text NOT NULL
);
CREATE TABLE balance (total bigint NOT NULL);
INSERT INTO balance VALUES (0);
CREATE TABLE documents (id text PRIMARY KEY, body text NOT NULL);
"""


def event(topic: str, number: int, value: bytes = b"1", key: bytes | None = None) -> OutgoingRecord:
    """A record as a producer would send it; its id is `e<number>`."""
    headers = (("ce_id", f"e{number}".encode()), ("ce_type", b"test.v1"))
    return OutgoingRecord(topic, key if key is not None else b"k", value, headers)


class Ledger:
    """A handler that counts its calls, and the questions that tests ask of its tables."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.seen: list[str] = []
        self.halting = True

    async def __call__(self, connection: Connection, records: Sequence[Record], /) -> None:
        """`?` is unreadable, `halt` stops the partition, a number is booked."""
        bad = [Unreadable(r, DeadLetterReason.MALFORMED) for r in records if r.value == b"?"]
        if bad:
            raise UnreadableRecordError(bad)
        self.seen += [str(record.event_id) for record in records]
        for record in records:
            if record.value == b"halt" and self.halting:
                raise PartitionHaltError(record, "no_price")
        new = await connection.fetch(
            "INSERT INTO entries SELECT * FROM unnest($1::text[], $2::int[], $3::text[])"
            " ON CONFLICT (event_id) DO NOTHING RETURNING amount",
            [record.event_id for record in records],
            [0 if r.value == b"halt" else int(r.value or b"0") for r in records],
            [f"{record.partition}/{record.offset}" for record in records],
        )
        total = sum(row["amount"] for row in new)
        await connection.execute("UPDATE balance SET total = total + $1", total)

    async def ids(self) -> set[str]:
        return {row["event_id"] for row in await self.pool.fetch("SELECT event_id FROM entries")}

    async def total(self) -> int:
        return int(await self.pool.fetchval("SELECT total FROM balance"))

    async def has(self, *numbers: int) -> None:
        """Wait until exactly these events are booked."""
        wanted = {f"e{number}" for number in numbers}

        async def is_so() -> bool:
            return await self.ids() == wanted

        await until(is_so, f"exactly {len(wanted)} events are booked")

    async def next_offset(self, topic: str, partition: int = 0) -> int | None:
        offset: int | None = await self.pool.fetchval(
            "SELECT next_offset FROM consumer_watermarks WHERE topic = $1 AND partition = $2",
            topic,
            partition,
        )
        return offset


@asynccontextmanager
async def consuming(
    ledger: Ledger, producer: IdempotentProducer, bootstrap: str, topic: str, **settings: Any
) -> AsyncIterator[KeptTopicConsumer]:
    """A consumer that runs through the block and is cancelled at its end."""
    consumer = KeptTopicConsumer(
        bootstrap=bootstrap,
        group=GROUP,
        topics=(topic,),
        pool=ledger.pool,
        handler=ledger,
        dead_letters=DeadLetters(producer=producer, group=GROUP),
        **settings,
    )
    running = asyncio.create_task(consumer.run())
    try:
        yield consumer
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if not running.cancelled():
            running.result()

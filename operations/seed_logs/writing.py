"""Writes made events as `logging` does: by its handler, a transaction a batch, without Kafka."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from time import monotonic
from typing import Final, NamedTuple

import asyncpg

from operations.seed_logs.history import History, received
from services.logging.handlers import LogWriter
from services.logging.ingest.batch import Beside
from services.logging.metrics import LoggingMetrics
from services.logging.settings import LoggingSettings
from shared.kafka.records import Record
from shared.postgres.pool import open_pool
from shared.postgres.retrying import Connection, in_transaction
from shared.telemetry.metrics import new_registry

_BATCH: Final = 20_000
_PARTITION_HOURS: Final = LoggingSettings.model_fields["log_partition_hours"].default


class Seeded(NamedTuple):
    """What was written, and how long it took."""

    events: int
    took_s: float


async def seed(dsn: str, history: History, *, report: Callable[[Seeded], None]) -> Seeded:
    """Write a history into tables that are up to date; `dsn` is for the role `logging`.

    `report` is told after each batch. Repeatable: the same history at the same `until` makes the
    same events, and none twice. Raises what asyncpg raises.
    """
    begun = monotonic()
    events = 0
    async with open_pool(dsn, min_size=1, max_size=2, application_name="seed-logs") as pool:
        writer = LogWriter(
            beside=Beside.over(pool, partition_hours=_PARTITION_HOURS),
            metrics=LoggingMetrics(new_registry()),
        )
        batches = _batches(history)
        # The next batch is made while the database commits the one before.
        batch = await asyncio.to_thread(next, batches, None)
        while batch is not None:
            async with asyncio.TaskGroup() as group:
                following = group.create_task(asyncio.to_thread(next, batches, None))
                group.create_task(_write(pool, writer, batch))
            events += len(batch)
            report(Seeded(events, monotonic() - begun))
            batch = following.result()
    return Seeded(events, monotonic() - begun)


def _batches(history: History) -> Iterator[list[Record]]:
    records = history.records()
    offset = 0
    while sent := list(islice(records, _BATCH)):
        yield [received(record, offset + place) for place, record in enumerate(sent)]
        offset += len(sent)


async def _write(pool: asyncpg.Pool, writer: LogWriter, batch: Sequence[Record]) -> None:
    await in_transaction(pool, partial(_apply, writer=writer, batch=batch), idempotent=True)


async def _apply(connection: Connection, *, writer: LogWriter, batch: Sequence[Record]) -> None:
    await writer(connection, batch)


async def analyse(dsn: str) -> None:
    """Let the planner know what is there now; `dsn` is for a superuser."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("ANALYZE")
    finally:
        await connection.close()

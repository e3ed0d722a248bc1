"""Usage of hours from Kafka: also of hours whose rows were deleted, for as long as the topics last.

1. what the topics hold from the first hour on, up to their ends     read once, for all hours
2. each hour's lock, and then the watermarks                         nobody adds to the hour now
3. the topics from (1) to the watermarks                             exactly what has been applied
4. the hour's usage in place of what was there, and its day
Events that are on the topic and not applied yet add themselves on top afterwards. Those that were
refused because their time was deleted are in it: what is in `log_refused` of the hour goes.
"""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Final

import asyncpg

from services.logging.handlers import GROUP
from services.logging.ingest import gate
from services.logging.ingest.usage_adding import of_site
from services.logging.partitions.covering import Partitions
from services.logging.partitions.spans import DAY, USAGE_HOURLY
from services.logging.rebuild.checking import NO_TIME_LIMIT
from services.logging.rebuild.hours import LOCK_TIMEOUT
from services.logging.rebuild.rebuilt import Rebuilt
from services.logging.rebuild.store_hour import forget_refused, replace_request_checks
from services.logging.rebuild.store_state import state
from services.logging.rebuild.store_usage_again import OF_KEYS, OF_SITE, add_up_day, replace_hour
from services.logging.rebuild.topic_usage import TopicUsage
from shared.events.catalog import BILLING_LEDGER, RELAY_REQUESTS
from shared.kafka.records import Partition
from shared.kafka.spans import Span, SpanReader
from shared.kafka.watermarks import load
from shared.postgres.retrying import Connection, in_transaction

_TOPICS: Final = (RELAY_REQUESTS.name, BILLING_LEDGER.name)
_CLOCKS_S: Final = 600
"""By how much a relay's clock may be ahead of the time at which its event was written."""
_SETTLE_S: Final = 60.0
_LOOK_S: Final = 0.2


class NotAppliedError(Exception):
    """`logging` has not applied what is on the topics; it must run, and be near their ends."""


class TopicRebuilder:
    """`read` a time first, then `rebuild` its hours. Raises SpanUnavailableError."""

    def __init__(self, pool: asyncpg.Pool, reader: SpanReader, *, partition_hours: int) -> None:
        self._pool = pool
        self._reader = reader
        self._partitions = Partitions(pool, partition_hours=partition_hours)
        self._usage = TopicUsage(0, 0)
        self._ends: dict[Partition, int] = {}
        self._held_from = 0

    async def read(self, lower: int, upper: int) -> None:
        """Add the events of a time up. Raises NotAppliedError."""
        self._usage = TopicUsage(lower, upper)
        held: dict[Partition, Span] = {}
        for topic in _TOPICS:
            held |= await self._reader.held(topic)
        self._held_from = await self._first_time(held)
        begins_at = datetime.fromtimestamp(max(0, lower - _CLOCKS_S), UTC)
        spans = await self._reader.since(held, begins_at)
        self._ends = {partition: span.end for partition, span in spans.items()}
        await self._settle()
        await self._take(spans)

    async def rebuild(self, hour: int) -> Rebuilt:
        """The usage of one hour of that time. Repeatable."""
        if hour < self._held_from:
            why = "the topics no longer have all of its events"
            return Rebuilt(hour, 0, counts=False, usage=False, why=why)
        return await in_transaction(self._pool, partial(self._rebuild, hour=hour), idempotent=True)

    async def _rebuild(self, connection: Connection, *, hour: int) -> Rebuilt:
        day = hour - hour % DAY
        await connection.execute(NO_TIME_LIMIT)
        await connection.execute(LOCK_TIMEOUT)
        await gate.enter(connection)
        await gate.lock_hours(connection, [hour], exclusive=True)
        known = await state(connection, hour, hour + 1)
        if day < known.usage_hourly_from:
            why = "usage of this day is no longer kept by the hour"
            return Rebuilt(hour, 0, counts=False, usage=False, why=why)
        await self._take(await self._applied_since(connection))
        usage, check = self._usage.usage(hour), self._usage.check(hour)
        if usage:
            await self._partitions.cover(USAGE_HOURLY, [hour])
        keys = await replace_hour(connection, OF_KEYS, hour, usage)
        await add_up_day(connection, OF_KEYS, day, keys)
        await replace_request_checks(connection, hour, check)
        await forget_refused(connection, hour)
        keys = await replace_hour(connection, OF_SITE, hour, of_site(usage))
        await add_up_day(connection, OF_SITE, day, keys)
        return Rebuilt(hour, check.requests, counts=True, usage=True)

    async def _take(self, spans: dict[Partition, Span]) -> None:
        async for record in self._reader.records(spans):
            self._usage.add(record)
        self._ends |= {partition: span.end for partition, span in spans.items()}

    async def _applied_since(self, connection: Connection) -> dict[Partition, Span]:
        """From where the topics were read to, up to the watermarks."""
        marks = await load(connection, GROUP, self._ends)
        return {
            partition: Span(end, marks[partition].next_offset)
            for partition, end in self._ends.items()
            if partition in marks and marks[partition].next_offset > end
        }

    async def _settle(self) -> None:
        """Wait until all that is to be read has been applied."""
        deadline = asyncio.get_running_loop().time() + _SETTLE_S
        while True:
            async with self._pool.acquire() as connection:
                marks = await load(connection, GROUP, self._ends)
            applied = {partition: mark.next_offset for partition, mark in marks.items()}
            if all(applied.get(partition, 0) >= end for partition, end in self._ends.items()):
                return
            if asyncio.get_running_loop().time() > deadline:
                raise NotAppliedError("logging has not applied what is on its topics")
            await asyncio.sleep(_LOOK_S)

    async def _first_time(self, held: dict[Partition, Span]) -> int:
        """From when on the topics have everything (Unix seconds); 0: they were never cut."""
        cut = {partition: span for partition, span in held.items() if span.begin > 0}
        ones = {
            partition: Span(span.begin, min(span.begin + 1, span.end))
            for partition, span in cut.items()
        }
        firsts = dict.fromkeys(cut, 2**62)
        async for record in self._reader.records(ones):
            at = record.timestamp_ms // 1_000 + 1
            firsts[Partition(record.topic, record.partition)] = at
        # Workspaces that have long been quiet: what is gone is not younger than the last of it.
        empty = [partition for partition, span in cut.items() if span.begin == span.end]
        async with self._pool.acquire() as connection:
            marks = await load(connection, GROUP, empty)
        for partition, mark in marks.items():
            if mark.last_timestamp_ms is not None and mark.next_offset == cut[partition].begin:
                firsts[partition] = mark.last_timestamp_ms // 1_000 + 1
        return max(firsts.values(), default=0)

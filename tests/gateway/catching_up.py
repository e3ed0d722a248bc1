"""Waiting until all that was asked of a gateway is on its topics, and applied by everybody."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import aiohttp
import asyncpg

from deploy.local.stack import Stack
from shared.events.catalog import CATALOG, Kind
from shared.kafka.records import Partition, Record
from shared.kafka.spans import SpanReader, SpanUnavailableError
from shared.kafka.state_reader import StateTopicReader

DEADLINE_S: Final = 90.0
LOOK_S: Final = 0.1
_QUIET_S: Final = 0.5
"""A relay publishes hundredths of a second after an answer's end; on a busy machine, later."""
_UNPUBLISHED: Final = re.compile(
    r"^ledgerline_relay_journal_unpublished_events(?:\{.*\})? (\S+)$", re.MULTILINE
)


async def caught_up(stack: Stack) -> None:
    """Wait until the topics are quiet, every consumer is at their ends, and the outboxes sent."""
    await quiet(stack)
    await applied(stack)


async def quiet(stack: Stack) -> None:
    """Wait until no relay has anything to publish, and nothing more comes."""
    seen: Mapping[Partition, int] = {}
    now = asyncio.get_running_loop().time
    since = now()
    async with asyncio.timeout(DEADLINE_S), _reading(stack) as reader:
        while True:
            ends = await _ends(reader)
            if ends is None or ends != seen:
                seen, since = ends or {}, now()
            elif now() - since >= _QUIET_S and not await _unpublished(stack):
                return
            await asyncio.sleep(LOOK_S)


async def applied(stack: Stack) -> None:
    """Wait until every consumer has applied what is on its topics, and the outboxes are sent."""
    async with (
        asyncio.timeout(DEADLINE_S),
        _database(stack) as connection,
        _reading(stack) as reader,
    ):
        while not (await _are_sent(connection) and await _are_at(connection, await _ends(reader))):
            await asyncio.sleep(LOOK_S)


async def taken_on(stack: Stack) -> None:
    """Wait until every consumer has applied what is there now; more may come meanwhile."""
    async with (
        asyncio.timeout(DEADLINE_S),
        _database(stack) as connection,
        _reading(stack) as reader,
    ):
        while (ends := await _ends(reader)) is None:
            await asyncio.sleep(LOOK_S)
        while not await _are_at(connection, ends):
            await asyncio.sleep(LOOK_S)


async def read_topic(stack: Stack, topic: str) -> list[Record]:
    """All records that are on a topic now."""
    records: list[Record] = []
    reader = StateTopicReader(
        bootstrap=stack.kafka_bootstrap,
        client_id="counting",
        topics=[topic],
        apply=records.append,
    )
    task = asyncio.create_task(reader.run())
    try:
        async with asyncio.timeout(DEADLINE_S):
            await reader.wait_ready()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return records


@asynccontextmanager
async def _reading(stack: Stack) -> AsyncIterator[SpanReader]:
    """Try until Kafka answers: it may only just have been started again."""
    async with AsyncExitStack() as reading:
        while True:
            reader = SpanReader(bootstrap=stack.kafka_bootstrap, client_id="counting")
            try:
                await reading.enter_async_context(reader)
            except SpanUnavailableError:
                await asyncio.sleep(LOOK_S)
            else:
                break
        yield reader


async def _ends(reader: SpanReader) -> Mapping[Partition, int] | None:
    """Of all kept topics; null where Kafka does not say right now."""
    ends: dict[Partition, int] = {}
    try:
        for topic in CATALOG:
            if topic.kind is Kind.KEPT:
                held = await reader.held(topic.name)
                ends.update({partition: span.end for partition, span in held.items()})
    except SpanUnavailableError:
        return None
    return ends


async def _unpublished(stack: Stack) -> float:
    """Events that the relays still have to themselves, as each told within the last second."""
    found = 0.0
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        for instance in range(stack.spec.relays):
            try:
                async with http.get(stack.internal_url("relay", instance) + "/metrics") as response:
                    found += sum(map(float, _UNPUBLISHED.findall(await response.text())))
            except (aiohttp.ClientError, TimeoutError):
                continue  # it was killed, or stands still: then its journal is another's to publish
    return found


@asynccontextmanager
async def _database(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        yield connection
    finally:
        await connection.close()


async def _are_sent(connection: asyncpg.Connection) -> bool:
    """Whether nothing is in an outbox."""
    for service in ("billing", "control"):
        if await connection.fetchval(f"SELECT count(*) FROM {service}.event_outbox"):
            return False
    return True


async def _are_at(connection: asyncpg.Connection, ends: Mapping[Partition, int] | None) -> bool:
    """Whether all consumers have applied what is before these ends."""
    if ends is None:
        return False
    for topic in CATALOG:
        wanted = {p.partition: end for p, end in ends.items() if p.topic == topic.name}
        for consumer in topic.consumers if wanted else ():
            rows = await connection.fetch(
                f"SELECT partition, min(next_offset) FROM {consumer}.consumer_watermarks"
                " WHERE topic = $1 GROUP BY partition",
                topic.name,
            )
            read_to = {row[0]: row[1] for row in rows}
            if any(read_to.get(partition, 0) < end for partition, end in wanted.items()):
                return False
    return True

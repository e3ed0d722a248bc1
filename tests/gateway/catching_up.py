"""Waiting until all that was asked of a gateway is on its topics, and applied by everybody."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import asyncpg

from deploy.local.stack import Stack
from shared.events.catalog import CATALOG, Kind
from shared.kafka.records import Partition, Record
from shared.kafka.state_reader import StateTopicReader

_DEADLINE_S: Final = 90.0
_QUIET_S: Final = 0.5
"""A relay publishes hundredths of a second after an answer's end; on a busy machine, later."""
_UNPUBLISHED: Final = re.compile(
    r"^ledgerline_relay_journal_unpublished_events(?:\{.*\})? (\S+)$", re.MULTILINE
)


async def caught_up(stack: Stack) -> None:
    """Wait until the topics are quiet, every consumer is at their ends, and the outboxes sent."""
    topics = [topic.name for topic in CATALOG if topic.kind is Kind.KEPT]
    ends: Counter[Partition] = Counter()

    def note(record: Record) -> None:
        ends[Partition(record.topic, record.partition)] = record.offset + 1

    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        async with asyncio.timeout(_DEADLINE_S), _reading(stack, topics, note):
            now = asyncio.get_running_loop().time
            seen, since = ends.copy(), now()
            while True:
                if ends != seen:
                    seen, since = ends.copy(), now()
                is_quiet = now() - since >= _QUIET_S
                if (
                    is_quiet
                    and not await _unpublished(stack)
                    and await _is_applied(connection, seen)
                ):
                    return
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def read_topic(stack: Stack, topic: str) -> list[Record]:
    """All records that are on a topic now."""
    records: list[Record] = []
    async with asyncio.timeout(_DEADLINE_S), _reading(stack, [topic], records.append):
        return records


@asynccontextmanager
async def _reading(
    stack: Stack, topics: Sequence[str], apply: Callable[[Record], None]
) -> AsyncIterator[None]:
    """Every record that is there is applied before the block begins, later ones within it."""
    reader = StateTopicReader(
        bootstrap=stack.kafka_bootstrap, client_id="counting", topics=topics, apply=apply
    )
    task = asyncio.create_task(reader.run())
    try:
        await reader.wait_ready()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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


async def _is_applied(connection: asyncpg.Connection, ends: Counter[Partition]) -> bool:
    for service in ("billing", "control"):
        if await connection.fetchval(f"SELECT count(*) FROM {service}.event_outbox"):
            return False
    consumers = {topic.name: topic.consumers for topic in CATALOG}
    for (topic, partition), end in ends.items():
        for consumer in consumers[topic]:
            at = await connection.fetchval(
                f"SELECT next_offset FROM {consumer}.consumer_watermarks"
                " WHERE topic = $1 AND partition = $2",
                topic,
                partition,
            )
            if (at or 0) < end:
                return False
    return True

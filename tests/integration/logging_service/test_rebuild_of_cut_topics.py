"""From when on the topics have everything: hours before that are not rebuilt from them."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import cast

import asyncpg

from services.logging.handlers import GROUP
from services.logging.rebuild.from_topic import TopicRebuilder
from shared.events.catalog import RELAY_REQUESTS
from shared.kafka.records import Partition, Record
from shared.kafka.spans import Span, SpanReader

HOUR = 3_600
NOON = 1_767_268_800
WHY = "the topics no longer have all of its events"


class CutTopic:
    """A reader of a topic whose partitions are cut. Its first records are of NOON."""

    def __init__(self, spans: Mapping[int, Span]) -> None:
        self._spans = {Partition(RELAY_REQUESTS.name, n): span for n, span in spans.items()}

    async def held(self, topic: str) -> dict[Partition, Span]:
        return self._spans if topic == RELAY_REQUESTS.name else {}

    async def since(self, spans: Mapping[Partition, Span], _at: datetime) -> dict[Partition, Span]:
        return {partition: Span(span.end, span.end) for partition, span in spans.items()}

    async def records(self, spans: Mapping[Partition, Span]) -> AsyncIterator[Record]:
        for (topic, number), span in spans.items():
            for offset in range(*span):
                yield Record(topic, number, offset, NOON * 1_000, None, None, {})


async def refused(pool: asyncpg.Pool, spans: Mapping[int, Span]) -> list[int]:
    """Hours after NOON, from -3 to 3, that are not rebuilt."""
    reader = cast("SpanReader", CutTopic(spans))
    rebuilder = TopicRebuilder(pool, reader, partition_hours=24)
    await rebuilder.read(NOON - 3 * HOUR, NOON + 4 * HOUR)
    done = [await rebuilder.rebuild(NOON + number * HOUR) for number in range(-3, 4)]
    return [(each.hour - NOON) // HOUR for each in done if each.why == WHY]


async def applied(pool: asyncpg.Pool, marks: Mapping[int, tuple[int, int | None]]) -> None:
    await pool.executemany(
        "INSERT INTO consumer_watermarks (consumer_group, topic, partition, next_offset,"
        " last_timestamp_ms) VALUES ($1, $2, $3, $4, $5)",
        [(GROUP, RELAY_REQUESTS.name, number, *mark) for number, mark in marks.items()],
    )


async def test_all_of_a_topic_that_was_never_cut(pool: asyncpg.Pool) -> None:
    await applied(pool, {0: (5, NOON * 1_000), 1: (0, None)})
    assert await refused(pool, {0: Span(0, 5), 1: Span(0, 0)}) == []


async def test_from_the_first_record_that_is_left(pool: asyncpg.Pool) -> None:
    await applied(pool, {0: (5, NOON * 1_000)})
    assert await refused(pool, {0: Span(3, 5)}) == [-3, -2, -1, 0]


async def test_a_partition_of_which_nothing_is_left_was_quiet_since_its_last(
    pool: asyncpg.Pool,
) -> None:
    quiet_since = (NOON - 2 * HOUR + 5) * 1_000
    await applied(pool, {0: (5, NOON * 1_000), 1: (7, quiet_since)})
    assert await refused(pool, {0: Span(0, 5), 1: Span(7, 7)}) == [-3, -2]


async def test_nothing_where_nobody_knows_what_is_gone(pool: asyncpg.Pool) -> None:
    await applied(pool, {0: (7, None)})
    assert await refused(pool, {0: Span(7, 7)}) == list(range(-3, 4))

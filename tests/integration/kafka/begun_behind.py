"""A consumer that has read all that other tests published: the topic is its test's alone."""

import asyncpg

from shared.kafka.spans import SpanReader


async def begin_behind(
    bootstrap: str, database: asyncpg.Pool | asyncpg.Connection, *, group: str, topic: str
) -> None:
    """Put the watermarks of `group` to the ends of `topic`. Before the consumer is opened."""
    async with SpanReader(bootstrap=bootstrap, client_id=f"{group}-test") as reader:
        held = await reader.held(topic)
    await database.executemany(
        "INSERT INTO consumer_watermarks (consumer_group, topic, partition, next_offset)"
        " VALUES ($1, $2, $3, $4)",
        [(group, at.topic, at.partition, span.end) for at, span in held.items() if span.end],
    )

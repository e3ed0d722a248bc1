"""Making a state topic right again from the rows: everything is sent once more."""

import asyncio
from collections.abc import Collection

from shared.kafka.records import Record
from shared.kafka.state_publisher import mark_dirty
from shared.kafka.state_reader import StateTopicReader
from shared.postgres.retrying import Connection


async def rebuild(
    connection: Connection, *, bootstrap: str, topic: str, keys: Collection[str]
) -> int:
    """Mark every key of `keys`, which are all that have a row, and all that the topic has besides.

    The publisher then sends the rows, and tombstones for keys without one. Answers how many keys
    were marked. Repeatable; to be committed by the caller.
    """
    marked = set(keys) | await _live_keys(bootstrap, topic)
    await mark_dirty(connection, topic, sorted(marked))
    return len(marked)


async def _live_keys(bootstrap: str, topic: str) -> set[str]:
    live: set[str] = set()

    def apply(record: Record) -> None:
        if record.key is None:
            return
        key = record.key.decode()
        if record.value is None:
            live.discard(key)
        else:
            live.add(key)

    reader = StateTopicReader(
        bootstrap=bootstrap, client_id="rebuild", topics=(topic,), apply=apply
    )
    reading = asyncio.create_task(reader.run())
    ready = asyncio.create_task(reader.wait_ready())
    try:
        await asyncio.wait((reading, ready), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
    finally:
        for task in (reading, ready):
            task.cancel()
        await asyncio.gather(reading, ready, return_exceptions=True)
    return live

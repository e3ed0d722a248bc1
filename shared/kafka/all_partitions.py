"""Reading all partitions of some topics without a group, over one connection."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition

POLL_MS: Final = 200
RECONNECT_S: Final = 0.5
_REQUEST_TIMEOUT_MS: Final = 10_000

Step: TypeAlias = Callable[[AIOKafkaConsumer, frozenset[TopicPartition]], Awaitable[None]]


async def read_all(
    topics: Sequence[str],
    *,
    bootstrap: str,
    client_id: str,
    seek: Step,
    poll: Step,
    **settings: Any,
) -> None:
    """Call `seek` for all partitions, at first and when there come to be others, and `poll` always.

    `settings` are the client's. Raises KafkaError, OSError and TimeoutError when the broker is
    away, and what `seek` and `poll` raise; ends with nothing else.
    """
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        metadata_max_age_ms=30_000,
        **settings,
    )
    try:
        await consumer.start()
        assigned: frozenset[TopicPartition] = frozenset()
        while True:
            # Without a group these are all partitions; they change when a topic is made anew.
            if assigned != consumer.assignment():
                assigned = frozenset(consumer.assignment())
                await seek(consumer, assigned)
            await poll(consumer, assigned)
            # Where there is more to be had at once, nothing above gives way to other tasks.
            await asyncio.sleep(0)
    finally:
        await consumer.stop()

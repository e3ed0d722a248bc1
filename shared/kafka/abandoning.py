"""Dropping an aiokafka producer at once.

`AIOKafkaProducer.stop()` first delivers what it holds, which is for ever while the broker is away,
and a producer that is merely forgotten would deliver it later, doubled by its successor. So this
reaches into the client (0.14) in the one way that it offers to nobody.
"""

import asyncio
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

_PATIENCE_S: Final = 2.0


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close the producer without delivering or aborting anything. Its sends fail. Never raises."""
    producer._closed = True  # noqa: SLF001 - see above
    sender_task = producer._sender.sender_task  # noqa: SLF001
    producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    while sender_task is not None and not sender_task.done():
        # The first cancellation ends its loop, the next ones the requests that it waits for.
        sender_task.cancel()
        await asyncio.wait((sender_task,), timeout=0.1)
        if asyncio.get_running_loop().time() > deadline:
            break
    await asyncio.gather(producer.client.close(), return_exceptions=True)
    _look_at(*_futures(producer), *([sender_task] if sender_task is not None else []))


def _futures(producer: AIOKafkaProducer) -> Iterator[asyncio.Future[Any]]:
    accumulator = producer._message_accumulator  # noqa: SLF001
    for batch in (*chain(*accumulator._batches.values()), *accumulator._pending_batches):  # noqa: SLF001
        yield batch.future
        yield batch._drain_waiter  # noqa: SLF001
        yield from (future for future, _ in batch._msg_futures)  # noqa: SLF001


def _look_at(*futures: asyncio.Future[Any]) -> None:
    # An error that nobody has looked at is logged by asyncio when it is collected.
    for future in futures:
        if future.done() and not future.cancelled():
            future.exception()

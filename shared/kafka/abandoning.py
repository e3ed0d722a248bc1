"""Dropping an aiokafka producer at once.

`AIOKafkaProducer.stop()` first delivers what it holds, which is for ever while the broker is away,
and a producer that is merely forgotten would deliver it later, doubled by its successor. So this
reaches into the client (0.14) in the one way that it offers to nobody.
"""

import asyncio
from typing import Final

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
    if sender_task is not None and sender_task.done() and not sender_task.cancelled():
        sender_task.exception()

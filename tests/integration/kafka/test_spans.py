"""A stretch that is read no further is left, and its reader closes at once."""

import asyncio

from shared.kafka.producer import IdempotentProducer
from shared.kafka.spans import SpanReader
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.ledger import event

_SOON_S = 60.0


async def test_a_reading_that_is_broken_off_does_not_keep_the_reader_from_closing(
    producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic(3)
    await producer.send_all([event(topic, number) for number in range(9)])
    async with asyncio.timeout(_SOON_S):
        async with SpanReader(bootstrap=broker.bootstrap, client_id="test") as reader:
            async for _record in reader.records(await reader.held(topic)):
                break
            await reader.held(topic)  # meanwhile the client asks for what comes next
            async for _record in reader.records({}):
                raise AssertionError("nothing was asked for")

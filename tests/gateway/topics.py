"""Breaking topics, as an operator's slip would."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient

from shared.events.catalog import TopicSpec
from shared.kafka.topics import create_topics


async def recreate(bootstrap: str, topic: TopicSpec) -> None:
    """Delete the topic with all that is on it, and make it again, empty."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic.name])
        async with asyncio.timeout(30):
            while topic.name in await admin.list_topics():
                await asyncio.sleep(0.1)
    finally:
        await admin.close()
    await create_topics(bootstrap, (topic,))

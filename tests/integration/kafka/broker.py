"""What the tests do to Kafka behind the code's back: make, delete, cut and read topics."""

from types import TracebackType
from typing import Self
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import ConsumerRecord

from tests.integration.kafka.waiting import until


class Broker:
    """An admin's hands, and a reader without a group."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> Self:
        await self._admin.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._admin.close()

    async def new_topic(self, partitions: int = 1, *, compacted: bool = False) -> str:
        """A topic of its own, with a dead-letter topic for the group `readers`."""
        name = f"t{uuid4().hex[:10]}"
        await self.make_topic(name, partitions, compacted=compacted)
        await self.make_topic(f"{name}.readers.dead-letter", 1)
        return name

    async def make_topic(self, name: str, partitions: int, *, compacted: bool = False) -> None:
        config = {"cleanup.policy": "compact" if compacted else "delete"}
        await self._admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])

        async def has_leaders() -> bool:
            (found,) = await self._admin.describe_topics([name])
            ready = [p for p in found["partitions"] if p["leader"] >= 0]
            return len(ready) == partitions

        await until(has_leaders, f"{name} has leaders")

    async def delete_topic(self, name: str) -> None:
        await self._admin.delete_topics([name])

        async def is_gone() -> bool:
            return name not in await self._admin.list_topics()

        await until(is_gone, f"{name} is gone")

    async def cut(self, topic: str, before_offset: int, *, partition: int = 0) -> None:
        """Delete what lies before an offset, as retention does."""
        tp = TopicPartition(topic, partition)
        await self._admin.delete_records({tp: RecordsToDelete(before_offset=before_offset)})

    async def read(self, topic: str) -> list[ConsumerRecord]:
        """All committed records of a topic, in order within each partition."""
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        await consumer.start()
        try:
            tps = list(consumer.assignment())
            ends = await consumer.end_offsets(tps)
            records: list[ConsumerRecord] = []
            while any([await consumer.position(tp) < ends[tp] for tp in tps]):
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    records += batch
            return records
        finally:
            await consumer.stop()

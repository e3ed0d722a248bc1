"""Reading a stretch of topics once, without a group and without leaving a trace."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Final, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.kafka.incoming import to_record
from shared.kafka.records import Partition, Record

_REQUEST_TIMEOUT_MS: Final = 10_000
_POLL_MS: Final = 200
_MAX_RECORDS: Final = 5_000
_STOP_S: Final = 5.0


class Span(NamedTuple):
    """Offsets of one partition, from `begin` up to and without `end`."""

    begin: int
    end: int


class SpanUnavailableError(Exception):
    """The broker cannot be reached, or what was to be read is no longer there."""


class SpanReader:
    """For commands that look at what is on kept topics now. Its methods raise SpanUnavailableError.

    Reads without regard to transactions: not for topics that are written in them.
    """

    def __init__(self, *, bootstrap: str, client_id: str) -> None:
        # The consumer knows the topics that it is reading, and forgets all others.
        self._admin = AIOKafkaAdminClient(
            bootstrap_servers=bootstrap, client_id=client_id, request_timeout_ms=_REQUEST_TIMEOUT_MS
        )
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._admin.start()
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            await self._close()
            raise SpanUnavailableError(type(error).__name__) from error
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        # Its fetching does not hear that it is to end while it leaves partitions that it was still
        # asking for (aiokafka 0.14), and would be waited for for ever: then it is told once more.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._consumer.stop(), _STOP_S)
        await self._admin.close()

    async def held(self, topic: str) -> dict[Partition, Span]:
        """What each partition holds now; nothing where there is no such topic."""
        try:
            # First, since to describe a topic that is not there may make it.
            if topic not in await self._admin.list_topics():
                return {}
            (described,) = await self._admin.describe_topics([topic])
            partitions = [
                TopicPartition(topic, number)
                for number in sorted(each["partition"] for each in described["partitions"])
            ]
            begins = await self._consumer.beginning_offsets(partitions)
            ends = await self._consumer.end_offsets(partitions)
        except (KafkaError, OSError, TimeoutError) as error:
            raise SpanUnavailableError(type(error).__name__) from error
        return {Partition(tp.topic, tp.partition): Span(begins[tp], ends[tp]) for tp in partitions}

    async def since(self, spans: Mapping[Partition, Span], at: datetime) -> dict[Partition, Span]:
        """The spans without what was all written before `at`, by the records' own times."""
        wanted = {TopicPartition(*p): int(at.timestamp() * 1000) for p in spans}
        if not wanted:
            return {}
        try:
            found = await self._consumer.offsets_for_times(wanted)
        except (KafkaError, OSError, TimeoutError) as error:
            raise SpanUnavailableError(type(error).__name__) from error
        begins = {
            partition: span.end
            if (first := found[TopicPartition(*partition)]) is None
            else first.offset
            for partition, span in spans.items()
        }
        return {
            partition: Span(min(max(span.begin, begins[partition]), span.end), span.end)
            for partition, span in spans.items()
        }

    async def records(self, spans: Mapping[Partition, Span]) -> AsyncIterator[Record]:
        """Every record of the spans, in order within each partition."""
        left = {
            TopicPartition(*partition): span.end
            for partition, span in spans.items()
            if span.begin < span.end
        }
        self._consumer.assign(list(left))
        for tp in left:
            self._consumer.seek(tp, spans[Partition(tp.topic, tp.partition)].begin)
        while left:
            try:
                fetched = await self._consumer.getmany(
                    timeout_ms=_POLL_MS, max_records=_MAX_RECORDS
                )
                for tp, batch in fetched.items():
                    for raw in batch:
                        if raw.offset < left.get(tp, 0):
                            yield to_record(tp, raw)
                for tp in list(left):
                    # The position, not the last record: compaction leaves holes at the end too.
                    if await self._consumer.position(tp) >= left[tp]:
                        self._consumer.pause(tp)
                        del left[tp]
            except (KafkaError, OSError, TimeoutError) as error:
                raise SpanUnavailableError(type(error).__name__) from error

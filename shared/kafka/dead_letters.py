"""`<topic>.<group>.dead-letter`: what a consumer could not use, whole, with the reason."""

import time
from collections.abc import Sequence
from typing import Final

from shared.kafka.errors import Unreadable
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord

HEADER_PREFIX: Final = "dead_letter_"


def dead_letter_topic(topic: str, group: str) -> str:
    """The dead-letter topic of a consumer group for a kept topic."""
    return f"{topic}.{group}.dead-letter"


class DeadLetters:
    """Sends to the dead-letter topics of one consumer group."""

    def __init__(self, *, producer: IdempotentProducer, group: str) -> None:
        self._producer = producer
        self._group = group

    async def send(self, unreadable: Sequence[Unreadable]) -> None:
        """Send these and wait for the acknowledgement; raises SendError. May be repeated.

        The record is copied unchanged; headers say why (a closed code), from where, and when.
        """
        now = str(int(time.time() * 1000)).encode()
        await self._producer.send_all([self._letter(item, now) for item in unreadable])

    def _letter(self, item: Unreadable, now: bytes) -> OutgoingRecord:
        record = item.record
        origin = (
            ("dead_letter_reason", item.reason.value.encode()),
            ("dead_letter_topic", record.topic.encode()),
            ("dead_letter_partition", str(record.partition).encode()),
            ("dead_letter_offset", str(record.offset).encode()),
            ("dead_letter_at_ms", now),
        )
        # A letter that was replayed and came back tells of its last journey only.
        kept = tuple(h for h in record.headers.items() if not h[0].startswith(HEADER_PREFIX))
        topic = dead_letter_topic(record.topic, self._group)
        return OutgoingRecord(topic, record.key, record.value, kept + origin)

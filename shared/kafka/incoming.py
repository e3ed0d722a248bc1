"""From the client library's records to ours."""

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from shared.kafka.records import Record


def to_record(tp: TopicPartition, raw: ConsumerRecord) -> Record:
    """The client's record as ours."""
    return Record(
        tp.topic, tp.partition, raw.offset, raw.timestamp, raw.key, raw.value, dict(raw.headers)
    )


def event_id(raw: ConsumerRecord) -> str | None:
    """The CloudEvents id of a record, as a watermark keeps it."""
    return to_record(TopicPartition(raw.topic, raw.partition), raw).event_id

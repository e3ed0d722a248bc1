"""What can go wrong on the way to and from Kafka.

Exception
  UnreadableRecordError   raised by handlers: these records go to the dead-letter topic
  PartitionHaltError      raised by handlers: this partition stops at this record, and alerts
  StalePositionError      another process moved the watermark: roll back and look again
  SendError               not every record was acknowledged: send again (ids deduplicate)
  LockLostError           the advisory lock's session is gone: another may be publishing
  TopicMismatchError      a topic exists and is not what the catalogue says
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from shared.kafka.records import Record


class DeadLetterReason(StrEnum):
    """Why a record could not be used. A closed set: no text of the payload's gets in here."""

    MALFORMED = "malformed"
    """It is not what its `ce_type` says."""
    UNKNOWN_TYPE = "unknown_type"
    MISSING_ID = "missing_id"
    DATABASE_REFUSED = "database_refused"
    """Its values violate a constraint or a column's range."""
    HANDLER_FAILED = "handler_failed"
    """The handler raised an error that is not the database's."""


class HaltReason(StrEnum):
    """Why a partition stands still."""

    LOG_STARTS_AFTER = "log_starts_after_watermark"
    LOG_ENDS_BEFORE = "log_ends_before_watermark"
    OTHER_RECORD = "other_record_before_watermark"
    OFFSETS_MISSING = "offsets_missing"
    HANDLER = "handler_halted"
    POISON = "poison_record"


class Unreadable(NamedTuple):
    """One record that cannot be used, and why."""

    record: Record
    reason: DeadLetterReason


class UnreadableRecordError(Exception):
    """Some records of the batch cannot be read. Name all of them at once: each raise is one retry.

    The transaction rolls back, the records go to the dead-letter topic, and the handler is called
    again without them.
    """

    def __init__(self, unreadable: Sequence[Unreadable]) -> None:
        super().__init__(f"{len(unreadable)} unreadable")
        self.unreadable = tuple(unreadable)


class PartitionHaltError(Exception):
    """The record can be read but must not be passed over: its partition stops there and alerts.

    `code` goes into the log: from a closed set, never a value of the record's.
    """

    def __init__(self, record: Record, code: str) -> None:
        super().__init__(f"{record.topic}/{record.partition}@{record.offset}: {code}")
        self.record = record
        self.code = code


class StalePositionError(Exception):
    """The watermark is not where this process left it: another one has the partition."""


class SendError(Exception):
    """Not all records were acknowledged. Any of them may have been written all the same."""


class LockLostError(Exception):
    """The session that held the advisory lock is gone."""


class TopicMismatchError(Exception):
    """A topic exists with other partitions or another clean-up policy than the catalogue says."""

"""What goes in and out of Kafka, free of the client library's types.

Named tuples: one is made for every record, and a frozen dataclass takes twice as long.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

Headers: TypeAlias = tuple[tuple[str, bytes], ...]
RecordParts: TypeAlias = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value and headers of a record to be sent, as the client's batches take them."""


class Partition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


class Record(NamedTuple):
    """A record that was read. `value` None is a tombstone. Of a repeated header the last counts."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]

    @property
    def event_id(self) -> str | None:
        """The CloudEvents id, where there is a readable one."""
        raw = self.headers.get("ce_id")
        if raw is None:
            return None
        # A watermark keeps this in a text column, which takes no NUL.
        return raw[:200].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


class OutgoingRecord(NamedTuple):
    """A record to be sent. `value` None is a tombstone; then there must be a key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def last_by_partition(records: Iterable[Record]) -> dict[Partition, Record]:
    """The last record of each partition among these."""
    # Plain tuples first: this runs over every record that is consumed.
    lasts = {(record.topic, record.partition): record for record in records}
    return {Partition(*place): record for place, record in lasts.items()}

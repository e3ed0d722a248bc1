"""The watermark of each partition: the next offset, moved in the transaction that applies.

It is the truth about what was applied; the offset committed in Kafka only shows it to others.
Its table is in `watermarks.sql`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.kafka.errors import StalePositionError
from shared.kafka.records import Partition, Record
from shared.postgres.retrying import Connection


@dataclass(frozen=True, slots=True)
class Watermark:
    """Where a group stands in a partition. No `last_event_id`: nothing was applied yet."""

    next_offset: int
    last_event_id: str | None
    last_timestamp_ms: int | None


@dataclass(frozen=True, slots=True)
class Move:
    """One partition's step: from the watermark's `next_offset` to behind `last`."""

    expected_offset: int
    last: Record


_LOAD: Final = """
SELECT topic, partition, next_offset, last_event_id, last_timestamp_ms
FROM consumer_watermarks
WHERE consumer_group = $1 AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::int[]))
"""
_BEGIN: Final = """
INSERT INTO consumer_watermarks (consumer_group, topic, partition, next_offset)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_MOVE: Final = """
UPDATE consumer_watermarks AS mark
SET next_offset = step.next_offset, last_event_id = step.last_event_id,
    last_timestamp_ms = step.last_timestamp_ms, updated_at = now()
FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[])
    AS step (topic, partition, expected_offset, next_offset, last_event_id, last_timestamp_ms)
WHERE mark.consumer_group = $1 AND mark.topic = step.topic AND mark.partition = step.partition
    AND mark.next_offset = step.expected_offset
"""


async def load(
    connection: Connection, group: str, partitions: Iterable[Partition]
) -> dict[Partition, Watermark]:
    """The watermarks of those partitions that have one."""
    wanted = list(partitions)
    rows = await connection.fetch(
        _LOAD, group, [p.topic for p in wanted], [p.partition for p in wanted]
    )
    return {
        Partition(row["topic"], row["partition"]): Watermark(
            row["next_offset"], row["last_event_id"], row["last_timestamp_ms"]
        )
        for row in rows
    }


async def begin(connection: Connection, group: str, partition: Partition, offset: int) -> None:
    """Make the first watermark of a partition. Does nothing where there is one."""
    await connection.execute(_BEGIN, group, partition.topic, partition.partition, offset)


async def move(connection: Connection, group: str, moves: Mapping[Partition, Move]) -> None:
    """Move the watermarks of a batch by compare-and-set, in one statement.

    Raises StalePositionError when any of them is not where it was expected; then roll back.
    """
    steps: Sequence[tuple[Partition, Move]] = sorted(moves.items(), key=lambda item: item[0])
    status = await connection.execute(
        _MOVE,
        group,
        [partition.topic for partition, _ in steps],
        [partition.partition for partition, _ in steps],
        [step.expected_offset for _, step in steps],
        [step.last.offset + 1 for _, step in steps],
        [step.last.event_id for _, step in steps],
        [step.last.timestamp_ms for _, step in steps],
    )
    if status != f"UPDATE {len(steps)}":
        raise StalePositionError

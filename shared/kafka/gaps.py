"""An operator's word that what a halted partition lost is lost, so that it may go on."""

from typing import Final

from shared.kafka.errors import HaltReason
from shared.kafka.records import Partition
from shared.postgres.retrying import Connection

_ACCEPT: Final = """
INSERT INTO consumer_accepted_gaps (consumer_group, topic, partition) VALUES ($1, $2, $3)
"""
_TAKE: Final = """
UPDATE consumer_accepted_gaps
SET applied_at = now(), reason = $4, from_offset = $5, to_offset = $6
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND applied_at IS NULL
"""
_MOVE: Final = """
UPDATE consumer_watermarks
SET next_offset = $4, last_event_id = NULL, last_timestamp_ms = NULL, updated_at = now()
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND next_offset = $5
"""


async def accept_gap(connection: Connection, group: str, topic: str, partition: int) -> None:
    """Let a partition that halted over lost offsets go on, once. For an operator.

    The consumer takes it up within seconds: it goes on at the beginning of what the log still has
    (or behind the hole), and notes in the row which offsets were passed over.
    """
    await connection.execute(_ACCEPT, group, topic, partition)


async def take_acceptance(
    connection: Connection,
    group: str,
    partition: Partition,
    reason: HaltReason,
    *,
    from_offset: int,
    to_offset: int,
) -> bool:
    """Use an acceptance if there is one: note it and set the watermark. In a transaction."""
    key = (group, partition.topic, partition.partition)
    taken = await connection.execute(_TAKE, *key, reason.value, from_offset, to_offset)
    if taken == "UPDATE 0":
        return False
    await connection.execute(_MOVE, *key, to_offset, from_offset)
    return True

"""Dropping a partition in nobody's way. The caller owns the transaction."""

from typing import Final

from services.logging.ingest import gate
from services.logging.partitions.store_partitions import drop
from shared.postgres.retrying import Connection

LOCK_TIMEOUT_MS: Final = 100
"""For so long may a drop hold readers up while it waits for one of them."""
# A process that stands still must not stand in everybody's way.
_BRIEFLY: Final = "SELECT set_config('idle_in_transaction_session_timeout', '2s', true)"
_LOCK_TIMEOUT: Final = "SELECT set_config('lock_timeout', $1, true)"
# Readers take this lock before their snapshot: what one has begun to add up stays whole.
_SHUT_OUT_READERS: Final = "LOCK TABLE ONLY logs IN ACCESS EXCLUSIVE MODE"


async def drop_alone(connection: Connection, parent: str, name: str) -> bool:
    """Drop a partition of `parent`: batches are waited for first, then readers are shut out.

    Who waits for `logs` makes every reader after him wait: that is for LOCK_TIMEOUT_MS at the most,
    then asyncpg.LockNotAvailableError. Who waits at the gate holds up the next batch and no reader.
    False where the partition is gone.
    """
    await connection.execute(_BRIEFLY)
    await gate.close(connection)
    await connection.execute(_LOCK_TIMEOUT, str(LOCK_TIMEOUT_MS))
    await connection.execute(_SHUT_OUT_READERS)
    return await drop(connection, parent, name)

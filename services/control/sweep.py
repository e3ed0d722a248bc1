"""What was deleted long ago leaves the tables, and its keys get their tombstones."""

import asyncio
from typing import Final

import asyncpg

from services.control.state_keys import (
    DIRECTORY,
    KEYS,
    ROUTING,
    channel_key,
    hashed_key,
    listed_key,
    model_key,
)
from services.control.store_attempts import forget_old_failures
from services.control.store_sessions import delete_ended_sessions
from shared.kafka.state_publisher import mark_dirty
from shared.postgres.failures import describe_error
from shared.postgres.retrying import Connection, in_transaction
from shared.telemetry.logs import get_logger

_EVERY_S: Final = 3600.0
_BATCH: Final = 500
# Readers that were away for less than this see the deletion as a state, and then its tombstone.
_REMOVE: Final = """
DELETE FROM {table} WHERE {id} IN (
    SELECT {id} FROM {table} WHERE deleted_at < now() - interval '30 days'
    ORDER BY {id} LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING {returning}
"""
_REMOVE_KEYS: Final = _REMOVE.format(table="tokens", id="id", returning="id, key_hash")
_REMOVE_CHANNELS: Final = _REMOVE.format(table="channels", id="id", returning="id")
_REMOVE_MODELS: Final = _REMOVE.format(table="models", id="name", returning="name")

_logger = get_logger()


async def sweep_always(pool: asyncpg.Pool) -> None:
    """Sweep every hour, until cancelled. A database that is away is waited for."""
    while True:
        try:
            while await in_transaction(pool, sweep) == _BATCH:
                pass
            await delete_ended_sessions(pool)
            await forget_old_failures(pool)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _logger.warning("sweep.failed", **describe_error(error))
        await asyncio.sleep(_EVERY_S)


async def sweep(connection: Connection) -> int:
    """Remove rows that were deleted 30 days ago; answers the most that one table gave.

    A mark whose row is gone is published as a tombstone.
    """
    keys = await connection.fetch(_REMOVE_KEYS, _BATCH)
    channels = await connection.fetch(_REMOVE_CHANNELS, _BATCH)
    models = await connection.fetch(_REMOVE_MODELS, _BATCH)
    await mark_dirty(connection, KEYS, [hashed_key(row["key_hash"]) for row in keys])
    await mark_dirty(connection, DIRECTORY, [listed_key(row["id"]) for row in keys])
    gone = [channel_key(row["id"]) for row in channels]
    await mark_dirty(connection, ROUTING, [*gone, *(model_key(row["name"]) for row in models)])
    return max(len(keys), len(channels), len(models))

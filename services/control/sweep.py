"""What was deleted long ago leaves the tables, and its keys get their tombstones."""

import asyncio
from typing import Final

import asyncpg

from services.control.sessions.store_attempts import forget_old_failures
from services.control.sessions.store_sessions import delete_ended_sessions
from services.control.state.state_keys import (
    DIRECTORY,
    KEYS,
    ROUTING,
    channel_key,
    group_key,
    hashed_key,
    limit_key,
    listed_key,
    model_key,
)
from shared.kafka.state_publisher import mark_dirty
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY, Connection, in_transaction
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
_DELETED_KEYS: Final = """
SELECT id FROM tokens WHERE deleted_at < now() - interval '30 days'
ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_REMOVE_SECRETS: Final = "DELETE FROM token_secrets WHERE key_id = ANY($1) RETURNING key_hash"
_REMOVE_FORMER_SECRETS: Final = """
DELETE FROM token_secrets WHERE key_hash IN (
    SELECT key_hash FROM token_secrets WHERE valid_until < now() - interval '30 days'
    ORDER BY key_hash LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING key_hash
"""
_REMOVE_GROUPS: Final = """
DELETE FROM groups WHERE name IN (
    SELECT name FROM groups AS g WHERE deleted_at < now() - interval '30 days'
       AND NOT EXISTS (SELECT FROM users WHERE "group" = g.name)
    ORDER BY name LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING name
"""
_REMOVE_LIMITS: Final = _REMOVE.format(table="rate_limits", id="id", returning="id")
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
        except DATABASE_AWAY as error:
            _logger.warning("sweep.failed", **describe_error(error))
        await asyncio.sleep(_EVERY_S)


async def sweep(connection: Connection) -> int:
    """Remove rows that were deleted 30 days ago; answers the most that one table gave.

    A mark whose row is gone is published as a tombstone.
    """
    keys = await _sweep_keys(connection)
    channels = await connection.fetch(_REMOVE_CHANNELS, _BATCH)
    models = await connection.fetch(_REMOVE_MODELS, _BATCH)
    groups = await connection.fetch(_REMOVE_GROUPS, _BATCH)
    limits = await connection.fetch(_REMOVE_LIMITS, _BATCH)
    gone = [
        *(channel_key(row["id"]) for row in channels),
        *(model_key(row["name"]) for row in models),
        *(group_key(row["name"]) for row in groups),
        *(limit_key(row["id"]) for row in limits),
    ]
    await mark_dirty(connection, ROUTING, gone)
    return max(keys, len(channels), len(models), len(groups), len(limits))


async def _sweep_keys(connection: Connection) -> int:
    """Keys with all their secrets, and secrets whose period of grace ended 30 days ago."""
    keys = [row["id"] for row in await connection.fetch(_DELETED_KEYS, _BATCH)]
    secrets = await connection.fetch(_REMOVE_SECRETS, keys)
    former = await connection.fetch(_REMOVE_FORMER_SECRETS, _BATCH)
    await connection.execute("DELETE FROM key_use WHERE key_id = ANY($1)", keys)
    await connection.execute("DELETE FROM tokens WHERE id = ANY($1)", keys)
    hashes = [hashed_key(row["key_hash"]) for row in (*secrets, *former)]
    await mark_dirty(connection, KEYS, hashes)
    await mark_dirty(connection, DIRECTORY, [listed_key(key_id) for key_id in keys])
    return max(len(keys), len(former))

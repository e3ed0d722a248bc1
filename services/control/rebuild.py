"""Publishing everything again: for topics that were lost, or that hold what no row stands for."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import asyncpg

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
    project_key,
    user_key,
    workspace_key,
)
from shared.kafka.records import Record
from shared.kafka.state_publisher import mark_dirty
from shared.kafka.state_reader import StateTopicReader
from shared.postgres.retrying import Connection, in_transaction

_READ_DEADLINE_S: Final = 60.0
_BATCH: Final = 1000


async def rebuild(pool: asyncpg.Pool, *, bootstrap: str) -> int:
    """Mark every row, and every key that is on a topic; answers how many marks that made.

    The running control publishes them: rows as they are, and a tombstone for each key without one.
    Repeatable. Raises TimeoutError when the topics cannot be read within a minute.
    """
    on_topics = await _keys_on_topics(bootstrap)
    in_tables = await _keys_of_rows(pool)
    count = 0
    for topic, keys in on_topics.items():
        wanted = sorted(keys | in_tables[topic])
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            await in_transaction(pool, partial(_mark, topic=topic, keys=batch), idempotent=True)
        count += len(wanted)
    return count


async def _mark(connection: Connection, *, topic: str, keys: list[str]) -> None:
    await mark_dirty(connection, topic, keys)


async def _keys_on_topics(bootstrap: str) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {ROUTING: set(), KEYS: set(), DIRECTORY: set()}

    def note(record: Record) -> None:
        if record.key is not None and record.value is not None:
            found[record.topic].add(record.key.decode())

    reader = StateTopicReader(
        bootstrap=bootstrap, client_id="control-rebuild", topics=tuple(found), apply=note
    )
    reading = asyncio.create_task(reader.run())
    try:
        await asyncio.wait_for(reader.wait_ready(), _READ_DEADLINE_S)
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    return found


async def _keys_of_rows(pool: asyncpg.Pool) -> Mapping[str, set[str]]:
    channels = await pool.fetch("SELECT id FROM channels")
    models = await pool.fetch("SELECT name FROM models")
    groups = await pool.fetch("SELECT name FROM groups")
    limits = await pool.fetch("SELECT id FROM rate_limits")
    keys = await pool.fetch("SELECT id FROM tokens")
    secrets = await pool.fetch("SELECT key_hash FROM token_secrets")
    users = await pool.fetch("SELECT id FROM users")
    workspaces = await pool.fetch("SELECT id FROM workspaces")
    projects = await pool.fetch("SELECT id FROM projects")
    return {
        ROUTING: {
            *(channel_key(row["id"]) for row in channels),
            *(model_key(row["name"]) for row in models),
            *(group_key(row["name"]) for row in groups),
            *(limit_key(row["id"]) for row in limits),
        },
        KEYS: {hashed_key(row["key_hash"]) for row in secrets},
        DIRECTORY: {
            *(user_key(row["id"]) for row in users),
            *(workspace_key(row["id"]) for row in workspaces),
            *(project_key(row["id"]) for row in projects),
            *(listed_key(row["id"]) for row in keys),
        },
    }

"""SQL of channels. The key's ciphertext is never among what answers show."""

from typing import Any, Final

import asyncpg
import orjson

from services.control.database import Reader
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO channels (id, name, provider_id, dialect, base_url, key_ciphertext, models, groups,
                      model_mapping, priority, weight, status)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
_UPDATE: Final = """
UPDATE channels SET name = $2, provider_id = $3, dialect = $4, base_url = $5, key_ciphertext = $6,
                    models = $7, groups = $8, model_mapping = $9, priority = $10, weight = $11,
                    status = $12, updated_at = now()
WHERE id = $1
"""
_DELETE: Final = """
UPDATE channels SET deleted_at = now(), updated_at = now()
WHERE id = $1 AND deleted_at IS NULL RETURNING id
"""
_VIEW: Final = """
SELECT c.*, p.name AS provider FROM channels AS c JOIN providers AS p ON p.id = c.provider_id
WHERE c.deleted_at IS NULL
"""


async def next_channel_id(connection: Connection) -> int:
    """The id that a new channel will have: its key is sealed for this id and no other."""
    query = "SELECT nextval(pg_get_serial_sequence('channels', 'id'))"
    return int(await connection.fetchval(query))


async def insert_channel(
    connection: Connection, channel_id: int, channel: dict[str, Any]
) -> asyncpg.Record:
    """A channel; answers its row."""
    await connection.execute(_INSERT, channel_id, *_values(channel))
    return await _read_written(connection, channel_id)


async def read_channel(
    connection: Reader, channel_id: int, *, lock: bool = False
) -> asyncpg.Record | None:
    """A channel with its provider's name, the mapping as JSON text."""
    query = f"{_VIEW} AND c.id = $1"
    return await connection.fetchrow(f"{query} FOR UPDATE OF c" if lock else query, channel_id)


async def update_channel(
    connection: Connection, channel_id: int, channel: dict[str, Any]
) -> asyncpg.Record:
    """Set all that can change; answers the row as it is now."""
    await connection.execute(_UPDATE, channel_id, *_values(channel))
    return await _read_written(connection, channel_id)


async def delete_channel(connection: Connection, channel_id: int) -> bool:
    """Mark as deleted; False where there is none."""
    return await connection.fetchval(_DELETE, channel_id) is not None


async def list_channels(
    connection: Reader, *, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """The newest first, and how many there are."""
    rows = await connection.fetch(f"{_VIEW} ORDER BY c.id DESC LIMIT $1 OFFSET $2", limit, offset)
    total = await connection.fetchval("SELECT count(*) FROM channels WHERE deleted_at IS NULL")
    return rows, total


def public_channel(row: Any) -> dict[str, Any]:
    """A channel as answers show one: without its key."""
    return {
        "id": row["id"],
        "name": row["name"],
        "provider": row["provider"],
        "provider_id": row["provider_id"],
        "dialect": row["dialect"],
        "base_url": row["base_url"],
        "models": row["models"],
        "groups": row["groups"],
        "model_mapping": orjson.loads(row["model_mapping"]),
        "priority": row["priority"],
        "weight": row["weight"],
        "status": row["status"],
        "created_at": int(row["created_at"].timestamp()),
        "updated_at": int(row["updated_at"].timestamp()),
    }


async def _read_written(connection: Connection, channel_id: int) -> asyncpg.Record:
    row = await read_channel(connection, channel_id)
    assert row is not None  # noqa: S101 - this transaction has just written it
    return row


def _values(channel: dict[str, Any]) -> tuple[Any, ...]:
    mapping = channel["model_mapping"]
    return (
        channel["name"],
        channel["provider_id"],
        channel["dialect"],
        channel["base_url"],
        channel["key_ciphertext"],
        channel["models"],
        channel["groups"],
        mapping if isinstance(mapping, str) else orjson.dumps(mapping).decode(),
        channel["priority"],
        channel["weight"],
        int(channel["status"]),
    )

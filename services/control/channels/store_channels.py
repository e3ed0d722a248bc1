"""SQL of channels. Keys' ciphertexts are never among what answers show."""

from datetime import datetime
from typing import Any, Final

import asyncpg
import orjson

from services.control.database import Reader
from shared.postgres.retrying import Connection

WHOLE_CHANNELS: Final = """
SELECT c.*, p.name AS provider, p.is_active AS provider_is_active, (
    SELECT coalesce(jsonb_agg(to_jsonb(one) ORDER BY one.id), '[]') FROM channel_credentials AS one
    WHERE one.channel_id = c.id
) AS credentials
FROM channels AS c JOIN providers AS p ON p.id = c.provider_id
"""
"""Channels with their provider's name, and their credentials in order as JSON text."""
_INSERT: Final = """
INSERT INTO channels (id, name, provider_id, dialect, base_url, models, groups, model_mapping,
                      priority, weight, status, proxy_url, proxy_url_ciphertext,
                      proxy_has_credentials, http2)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
_UPDATE: Final = """
UPDATE channels SET name = $2, provider_id = $3, dialect = $4, base_url = $5, models = $6,
                    groups = $7, model_mapping = $8, priority = $9, weight = $10, status = $11,
                    proxy_url = $12, proxy_url_ciphertext = $13, proxy_has_credentials = $14,
                    http2 = $15, updated_at = now()
WHERE id = $1
"""
_DELETE: Final = """
UPDATE channels SET deleted_at = now(), updated_at = now()
WHERE id = $1 AND deleted_at IS NULL RETURNING id
"""


async def next_channel_id(connection: Connection) -> int:
    """The id that a new channel will have: its keys are sealed for this id and no other."""
    query = "SELECT nextval(pg_get_serial_sequence('channels', 'id'))"
    return int(await connection.fetchval(query))


async def insert_channel(connection: Connection, channel_id: int, channel: dict[str, Any]) -> None:
    """A channel, without credentials yet."""
    await connection.execute(_INSERT, channel_id, *_values(channel))


async def read_channel(
    connection: Reader, channel_id: int, *, lock: bool = False
) -> asyncpg.Record | None:
    """A channel, with its provider's name and its credentials; those and the mapping are JSON."""
    if lock:  # first, so that what is read then is what it was when the lock was got
        await connection.fetchval("SELECT id FROM channels WHERE id = $1 FOR UPDATE", channel_id)
    return await connection.fetchrow(
        f"{WHOLE_CHANNELS} WHERE c.id = $1 AND c.deleted_at IS NULL", channel_id
    )


async def update_channel(connection: Connection, channel_id: int, channel: dict[str, Any]) -> None:
    """Set all that can change."""
    await connection.execute(_UPDATE, channel_id, *_values(channel))


async def delete_channel(connection: Connection, channel_id: int) -> bool:
    """Mark as deleted; False where there is none."""
    return await connection.fetchval(_DELETE, channel_id) is not None


async def list_channels(
    connection: Reader, *, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """The newest first, and how many there are."""
    rows = await connection.fetch(
        f"{WHOLE_CHANNELS} WHERE c.deleted_at IS NULL ORDER BY c.id DESC LIMIT $1 OFFSET $2",
        limit,
        offset,
    )
    total = await connection.fetchval("SELECT count(*) FROM channels WHERE deleted_at IS NULL")
    return rows, total


def credentials_of(row: Any) -> list[dict[str, Any]]:
    """The credentials of a row that was read with them; times are ISO text."""
    credentials: list[dict[str, Any]] = orjson.loads(row["credentials"])
    return credentials


def public_channel(row: Any) -> dict[str, Any]:
    """A channel as answers show one: without its keys. Times are Unix seconds."""
    credentials = credentials_of(row)
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
        "proxy_url": row["proxy_url"],
        "proxy_has_credentials": row["proxy_has_credentials"],
        "http2": row["http2"],
        "health": _public_health(row, credentials),
        "credentials": [_public_credential(credential) for credential in credentials],
        "created_at": int(row["created_at"].timestamp()),
        "updated_at": int(row["updated_at"].timestamp()),
    }


def _public_health(row: Any, credentials: list[dict[str, Any]]) -> dict[str, Any]:
    state, reason = row["health_state"], row["health_reason"]
    if all(credential["status"] != 1 for credential in credentials):
        state = "disabled"  # also where a person switched the last one off
    return {
        "state": state,
        "reason": reason,
        "since": _unix(row["health_since"]),
        "rests_until": _unix(row["health_rests_until"]),
        "consecutive_failures": row["health_failures"],
        "reset_at": _unix(row["health_reset_at"]),
    }


def _public_credential(credential: dict[str, Any]) -> dict[str, Any]:
    hint = credential["key_hint"]
    return {
        "id": credential["id"],
        "key": f"…{hint}" if hint else "…",
        "status": credential["status"],
        "disabled_by": credential["disabled_by"],
        "reason": credential["reason"],
        "since": _unix(datetime.fromisoformat(credential["since"])),
        "created_at": _unix(datetime.fromisoformat(credential["created_at"])),
    }


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _values(channel: dict[str, Any]) -> tuple[Any, ...]:
    mapping = channel["model_mapping"]
    return (
        channel["name"],
        channel["provider_id"],
        channel["dialect"],
        channel["base_url"],
        channel["models"],
        channel["groups"],
        mapping if isinstance(mapping, str) else orjson.dumps(mapping).decode(),
        channel["priority"],
        channel["weight"],
        int(channel["status"]),
        channel["proxy_url"],
        channel["proxy_url_ciphertext"],
        channel["proxy_has_credentials"],
        channel["http2"],
    )

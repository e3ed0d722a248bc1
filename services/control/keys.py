"""API keys of a user's own. Each function is one change, within the caller's transaction."""

from datetime import datetime
from typing import Any, Final

import asyncpg

from services.control.audit import Actor, record_action
from services.control.errors import not_found
from services.control.fields import to_unix
from services.control.secrets_made import (
    KEY_MARK,
    hash_secret,
    key_prefix,
    masked_key,
    new_key_secret,
)
from services.control.state import announce
from services.control.state_keys import DIRECTORY, KEYS, hashed_key, listed_key
from services.control.store_keys import delete_key, insert_key, read_own_key, update_key
from services.control.store_models import require_groups
from services.control.store_users import read_user
from shared.events.directory import Role
from shared.events.routing import Status
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

_OTHER_GROUP: Final = "a key may use your own group only"


async def create_key(
    connection: Connection, actor: Actor, key: dict[str, Any]
) -> tuple[asyncpg.Record, str]:
    """A key for the actor's workspace; answers its row and the key as it is shown, once."""
    secret = new_key_secret()
    row = await insert_key(
        connection,
        user_id=actor.user_id,
        workspace_id=actor.workspace_id,
        key_hash=hash_secret(secret),
        key_prefix=key_prefix(secret),
        key=await _with_own_group(connection, actor, key),
    )
    await _announce(connection, row)
    await record_action(
        connection, actor, "token.create", resource_id=row["id"], changes=_told(key)
    )
    return row, KEY_MARK + secret


async def change_key(
    connection: Connection, actor: Actor, key_id: int, changes: dict[str, Any]
) -> asyncpg.Record:
    """Set what `changes` holds (column to value); answers the row as it is now."""
    row = await read_own_key(connection, key_id, user_id=actor.user_id, lock=True)
    if row is None:
        raise not_found("token")
    changed = await _with_own_group(connection, actor, changes)
    row = await update_key(connection, key_id, {**dict(row), **changed})
    await _announce(connection, row)
    await record_action(
        connection, actor, "token.update", resource_id=key_id, changes=_told(changes)
    )
    return row


async def remove_key(connection: Connection, actor: Actor, key_id: int) -> None:
    """Delete the key; it is refused from then on."""
    row = await read_own_key(connection, key_id, user_id=actor.user_id, lock=True)
    if row is None:
        raise not_found("token")
    await delete_key(connection, key_id)
    await _announce(connection, row)
    await record_action(connection, actor, "token.delete", resource_id=key_id)


def public_key(row: Any, *, now: datetime) -> dict[str, Any]:
    """A key as answers show one: masked, in the source's shape."""
    is_over = row["expired_time"] is not None and row["expired_time"] <= now
    is_expired = row["status"] == Status.ENABLED and is_over
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "workspace_id": row["workspace_id"],
        "key": masked_key(row["key_prefix"]),
        "status": int(Status.EXPIRED) if is_expired else row["status"],
        "name": row["name"],
        "created_time": int(row["created_time"].timestamp()),
        "expired_time": to_unix(row["expired_time"]),
        "unlimited_quota": True,
        "model_limits_enabled": row["model_limits_enabled"],
        "model_limits": ",".join(row["model_limits"]),
        "allow_ips": "\n".join(row["allow_ips"]),
        "group": row["group"],
    }


async def _announce(connection: Connection, row: Any) -> None:
    await announce(connection, KEYS, [hashed_key(row["key_hash"])])
    await announce(connection, DIRECTORY, [listed_key(row["id"])])


async def _with_own_group(
    connection: Connection, actor: Actor, key: dict[str, Any]
) -> dict[str, Any]:
    """A group sets the price: only an admin may choose another than the own.

    The own one is kept as empty, so that the key follows its user into another group.
    """
    group = key.get("group", "")
    if not group:
        return key
    if actor.role >= Role.ADMIN:
        await require_groups(connection, [group])
        return key
    user = await read_user(connection, actor.user_id)
    if user is None or user["group"] != group:
        raise EnvelopeError(_OTHER_GROUP)
    return {**key, "group": ""}


def _told(key: dict[str, Any]) -> dict[str, Any]:
    told = dict(key)
    if "expired_time" in told:
        told["expired_time"] = to_unix(told["expired_time"])
    return told

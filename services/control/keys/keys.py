"""API keys. Each function is one change, within the caller's transaction.

A key is its user's. An admin may read and change the keys of those below, and not make, rotate or
delete them.
"""

from typing import Any, Final

import asyncpg

from services.control.audit import Actor, record_action
from services.control.database import Reader
from services.control.errors import not_found
from services.control.fields import to_unix
from services.control.keys.key_quota import (
    QuotaMovedError,
    QuotaNamed,
    QuotaSetting,
    changed_setting,
    first_setting,
)
from services.control.keys.store_keys import (
    delete_key,
    has_project,
    insert_key,
    read_key,
    update_key,
)
from services.control.keys.store_secrets import insert_secret, valid_hashes
from services.control.offering.store_groups import is_selectable, require_groups
from services.control.people.roles import may_change
from services.control.people.store_users import read_user
from services.control.secrets_made import KEY_MARK, hash_secret, key_prefix, new_key_secret
from services.control.state.state import announce
from services.control.state.state_keys import DIRECTORY, KEYS, hashed_key, listed_key
from shared.events.directory import Role
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

_OTHER_GROUP: Final = "a key may use your own group, or one that may be chosen"


async def create_key(
    connection: Connection, actor: Actor, key: dict[str, Any], quota: QuotaNamed
) -> tuple[asyncpg.Record, str]:
    """A key for the actor's workspace; answers its row and the key as it is shown, once."""
    user = await read_user(connection, actor.user_id)
    if user is None:
        raise not_found("user")
    checked = await _checked(
        connection, actor, key, workspace_id=actor.workspace_id, own_group=user["group"]
    )
    setting = first_setting(quota)
    key_id = await insert_key(
        connection,
        user_id=actor.user_id,
        workspace_id=actor.workspace_id,
        key={**checked, **_columns(setting), "quota_version": int(not setting.unlimited_quota)},
    )
    secret = await give_secret(connection, key_id)
    await announce_key(connection, key_id, await valid_hashes(connection, key_id))
    told = _told({**key, **_columns(setting)})
    await record_action(connection, actor, "token.create", resource_id=key_id, changes=told)
    return await _read_again(connection, key_id), secret


async def change_key(
    connection: Connection,
    actor: Actor,
    key_id: int,
    changes: dict[str, Any],
    quota: QuotaNamed,
) -> asyncpg.Record:
    """Set what `changes` holds (column to value), and the quota where one is set anew.

    Answers the row as it is now.
    """
    row = await readable_key(connection, actor, key_id, lock=True)
    checked = await _checked(
        connection,
        actor,
        {name: value for name, value in changes.items() if row[name] != value},
        workspace_id=row["workspace_id"],
        own_group=row["owner_group"],
    )
    try:
        setting = changed_setting(row, quota)
    except QuotaMovedError as error:
        raise EnvelopeError(str(error)) from None
    if setting is not None:
        checked |= {**_columns(setting), "quota_version": row["quota_version"] + 1}
    await update_key(connection, key_id, {**dict(row), **checked})
    await announce_key(connection, key_id, await valid_hashes(connection, key_id))
    await record_action(
        connection, actor, "token.update", resource_id=key_id, changes=_told(checked)
    )
    return await _read_again(connection, key_id)


async def remove_key(connection: Connection, actor: Actor, key_id: int) -> None:
    """Delete the key; it is refused from then on, with all its secrets."""
    await own_key(connection, actor, key_id)
    await delete_key(connection, key_id)
    await announce_key(connection, key_id, await valid_hashes(connection, key_id))
    await record_action(connection, actor, "token.delete", resource_id=key_id)


async def readable_key(
    connection: Reader, actor: Actor, key_id: int, *, lock: bool = False
) -> asyncpg.Record:
    """A key that the actor may read and change. Raises EnvelopeError where there is none."""
    row = await read_key(connection, key_id, lock=lock)
    if row is None:
        raise not_found("token")
    if row["user_id"] != actor.user_id and not may_change(actor.role, Role(row["owner_role"])):
        raise not_found("token")
    return row


async def own_key(connection: Connection, actor: Actor, key_id: int) -> asyncpg.Record:
    """A key of the actor's own, locked. Raises EnvelopeError where there is none."""
    row = await read_key(connection, key_id, lock=True)
    if row is None or row["user_id"] != actor.user_id:
        raise not_found("token")
    return row


async def give_secret(connection: Connection, key_id: int) -> str:
    """A new secret for a key that has none; answers it as it is shown, once."""
    secret = new_key_secret()
    await insert_secret(
        connection, key_id=key_id, key_hash=hash_secret(secret), key_prefix=key_prefix(secret)
    )
    return KEY_MARK + secret


async def announce_key(connection: Connection, key_id: int, key_hashes: list[bytes]) -> None:
    """Tell relays of the secrets named, and everybody of the key."""
    await announce(connection, KEYS, [hashed_key(key_hash) for key_hash in key_hashes])
    await announce(connection, DIRECTORY, [listed_key(key_id)])


async def _checked(
    connection: Connection,
    actor: Actor,
    key: dict[str, Any],
    *,
    workspace_id: int,
    own_group: str,
) -> dict[str, Any]:
    """The key's columns, its project and group looked up. Raises EnvelopeError.

    A group sets the price: only an admin may choose any. The own one is kept as empty, so that the
    key follows its user into another group.
    """
    project_id = key.get("project_id")
    if project_id is not None and not await has_project(connection, workspace_id, project_id):
        raise not_found("project")
    group = key.get("group", "")
    if not group:
        return key
    if actor.role >= Role.ADMIN:
        await require_groups(connection, [group])
        return key
    if group == own_group:
        return {**key, "group": ""}
    if not await is_selectable(connection, group):
        raise EnvelopeError(_OTHER_GROUP)
    return key


async def _read_again(connection: Connection, key_id: int) -> asyncpg.Record:
    row = await read_key(connection, key_id)
    assert row is not None  # noqa: S101 - it was written in this transaction
    return row


def _columns(setting: QuotaSetting) -> dict[str, Any]:
    return {"unlimited_quota": setting.unlimited_quota, "remain_quota": setting.remain_units}


def _told(key: dict[str, Any]) -> dict[str, Any]:
    told = dict(key)
    if "expired_time" in told:
        told["expired_time"] = to_unix(told["expired_time"])
    return told

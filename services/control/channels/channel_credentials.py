"""What a person does to a channel's credentials and its health. Within the caller's transaction."""

from typing import Final

import asyncpg

from services.control.audit import CHANGED, Actor
from services.control.channels.channels import Channels, locked, saved
from services.control.channels.store_channels import credentials_of
from services.control.channels.store_credentials import (
    delete_credential,
    disable_credential,
    enable_credential,
    enable_refused_credentials,
    insert_credentials,
    reset_health,
)
from services.control.errors import not_found
from shared.events.routing import Status
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

MAX_CREDENTIALS: Final = 50


async def add_credentials(
    connection: Connection, actor: Actor, channels: Channels, *, channel_id: int, keys: list[str]
) -> asyncpg.Record:
    """Further keys of a channel. Relays use them at once, whatever they found before."""
    row = await locked(connection, channel_id)
    if len(credentials_of(row)) + len(keys) > MAX_CREDENTIALS:
        raise EnvelopeError(f"a channel has {MAX_CREDENTIALS} keys at the most")
    await insert_credentials(connection, channel_id, channels.sealed(keys, channel_id))
    return await saved(connection, actor, channel_id, "channel.credential_add", {"key": CHANGED})


async def set_credential_status(
    connection: Connection, actor: Actor, *, channel_id: int, credential_id: int, status: Status
) -> asyncpg.Record:
    """Switch one on or off. Switched on, it is used again although it was refused."""
    await _of(connection, channel_id, credential_id)
    if status is Status.ENABLED:
        await enable_credential(connection, channel_id, credential_id)
        await reset_health(connection, channel_id)
    else:
        await disable_credential(connection, channel_id, credential_id, since=utc_now())
    told = {"credential_id": credential_id, "status": int(status)}
    return await saved(connection, actor, channel_id, "channel.credential_update", told)


async def remove_credential(
    connection: Connection, actor: Actor, *, channel_id: int, credential_id: int
) -> asyncpg.Record:
    """Remove one for good; not the last one."""
    row = await _of(connection, channel_id, credential_id)
    if len(credentials_of(row)) == 1:
        raise EnvelopeError("a channel needs a key; give it another one first")
    await delete_credential(connection, channel_id, credential_id)
    told = {"credential_id": credential_id}
    return await saved(connection, actor, channel_id, "channel.credential_delete", told)


async def reset_channel(
    connection: Connection, actor: Actor, *, channel_id: int, credential_id: int | None = None
) -> asyncpg.Record:
    """An admin's word that a channel is well: it counts for more than what relays found before.

    What the system disabled is enabled: all of it, or `credential_id` alone.
    """
    await locked(connection, channel_id)
    await enable_refused_credentials(connection, channel_id, only=credential_id)
    await reset_health(connection, channel_id)
    return await saved(connection, actor, channel_id, "channel.reset", {})


async def _of(connection: Connection, channel_id: int, credential_id: int) -> asyncpg.Record:
    row = await locked(connection, channel_id)
    if all(credential["id"] != credential_id for credential in credentials_of(row)):
        raise not_found("credential")
    return row

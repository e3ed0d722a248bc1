"""Channels: an address and a credential of a provider's. Within the caller's transaction."""

from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from services.control.audit import CHANGED, Actor, record_action
from services.control.errors import not_found
from services.control.providers import Providers
from services.control.state import announce
from services.control.state_keys import ROUTING, channel_key
from services.control.store_channels import (
    delete_channel,
    insert_channel,
    next_channel_id,
    read_channel,
    update_channel,
)
from services.control.store_groups import require_groups
from services.control.store_models import require_models
from shared.crypto.sealed import ChannelKeyBox
from shared.http.egress import EgressPolicy
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

_PROVIDER_NEEDED: Final = "a channel needs a provider: its name, slug or provider_id"
_ADDRESS_NEEDED: Final = "a channel needs a base_url, since its provider has none"
_KEY_NEEDED: Final = "a channel that moves to another address needs its key again"


class Channels:
    """Knows how keys are sealed and which addresses are allowed.

    In the mappings that it takes, `key` is the provider's key in clear, and the provider is named
    by `provider_id`, or by `provider`: a slug or a name.
    """

    def __init__(self, *, box: ChannelKeyBox, egress: EgressPolicy, providers: Providers) -> None:
        self._box = box
        self._egress = egress
        self._providers = providers

    async def add(
        self, connection: Connection, actor: Actor, channel: dict[str, Any]
    ) -> asyncpg.Record:
        """A channel; answers its row. Without an address it is at its provider's."""
        provider = await self._providers.of_channel(connection, actor, channel)
        if provider is None:
            raise EnvelopeError(_PROVIDER_NEEDED)
        channel = {"base_url": provider["base_url"], **channel, "provider_id": provider["id"]}
        if not channel["base_url"]:
            raise EnvelopeError(_ADDRESS_NEEDED)
        await self._check(connection, channel)
        channel_id = await next_channel_id(connection)
        row = await insert_channel(connection, channel_id, self._sealed(channel, channel_id))
        await announce(connection, ROUTING, [channel_key(channel_id)])
        await record_action(
            connection, actor, "channel.create", resource_id=channel_id, changes=_told(channel)
        )
        return row

    async def change(
        self, connection: Connection, actor: Actor, channel_id: int, changes: dict[str, Any]
    ) -> asyncpg.Record:
        """Set what `changes` holds; answers the row as it is now."""
        row = await read_channel(connection, channel_id, lock=True)
        if row is None:
            raise not_found("channel")
        await self._check(connection, changes)
        # Else who may change a channel could read its key, by leading it to a server of their own.
        moves = "base_url" in changes and _origin(changes["base_url"]) != _origin(row["base_url"])
        if moves and "key" not in changes:
            raise EnvelopeError(_KEY_NEEDED)
        provider = await self._providers.of_channel(connection, actor, changes)
        if provider is not None:
            changes = {**changes, "provider_id": provider["id"]}
        channel = {**dict(row), **self._sealed(changes, channel_id)}
        row = await update_channel(connection, channel_id, channel)
        await announce(connection, ROUTING, [channel_key(channel_id)])
        await record_action(
            connection, actor, "channel.update", resource_id=channel_id, changes=_told(changes)
        )
        return row

    async def remove(self, connection: Connection, actor: Actor, channel_id: int) -> None:
        """Take the channel out of routing."""
        if not await delete_channel(connection, channel_id):
            raise not_found("channel")
        await announce(connection, ROUTING, [channel_key(channel_id)])
        await record_action(connection, actor, "channel.delete", resource_id=channel_id)

    async def _check(self, connection: Connection, channel: dict[str, Any]) -> None:
        if "base_url" in channel:
            try:
                self._egress.check_url(channel["base_url"])
            except ValueError as error:
                raise EnvelopeError(f"base_url: {error}") from None
        await require_models(connection, channel.get("models", ()))
        await require_groups(connection, channel.get("groups", ()))

    def _sealed(self, channel: dict[str, Any], channel_id: int) -> dict[str, Any]:
        kept = {name: value for name, value in channel.items() if name != "key"}
        if "key" in channel:
            kept["key_ciphertext"] = self._box.seal(channel["key"], channel_id=channel_id)
        return kept


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _told(channel: dict[str, Any]) -> dict[str, Any]:
    return {name: CHANGED if name == "key" else value for name, value in channel.items()}

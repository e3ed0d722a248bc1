"""Channels: an address of a provider's, and its credentials. Within the caller's transaction."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from services.control.audit import CHANGED, Actor, record_action
from services.control.channels.outgoing_proxies import (
    NO_PROXY,
    proxy_columns,
    require_key,
    require_proxy_url,
    require_way,
)
from services.control.channels.providers import Providers
from services.control.channels.store_channels import (
    delete_channel,
    insert_channel,
    next_channel_id,
    read_channel,
    update_channel,
)
from services.control.channels.store_credentials import (
    Sealed,
    delete_credentials,
    enable_refused_credentials,
    insert_credentials,
    reset_health,
)
from services.control.errors import not_found
from services.control.offering.store_groups import require_groups
from services.control.offering.store_models import require_models
from services.control.state.state import announce
from services.control.state.state_keys import ROUTING, channel_key
from shared.crypto.sealed import ChannelKeyBox
from shared.events.routing import Status
from shared.http.egress import EgressPolicy
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

_KEY_NEEDED: Final = "a channel that moves to another address needs its key again"
_PROVIDER_NEEDED: Final = "a channel needs a provider: its name, slug or provider_id"
_ADDRESS_NEEDED: Final = "a channel needs a base_url, since its provider has none"
_UNTOLD: Final = frozenset({"keys", "proxy_url_ciphertext", "proxy_has_credentials"})
_HINT: Final = 4
_LONG_ENOUGH: Final = 24
"""The length of a key of which four characters may be shown."""


class Channels:
    """Knows how keys are sealed and which addresses are allowed.

    In the mappings that it takes, `keys` are the provider's keys in clear, `proxy_url` may have a
    password, and the provider is named by `provider_id`, or by `provider`: a slug or a name.
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
        channel = {
            "base_url": provider["base_url"],
            "proxy_url": "",
            **channel,
            "provider_id": provider["id"],
        }
        if not channel["base_url"]:
            raise EnvelopeError(_ADDRESS_NEEDED)
        await self._check(connection, channel)
        channel_id = await next_channel_id(connection)
        channel = self._with_proxy(channel, NO_PROXY, channel_id)
        require_way(channel)
        await insert_channel(connection, channel_id, channel)
        await insert_credentials(connection, channel_id, self.sealed(channel["keys"], channel_id))
        return await saved(connection, actor, channel_id, "channel.create", _told(channel))

    async def change(
        self, connection: Connection, actor: Actor, channel_id: int, changes: dict[str, Any]
    ) -> asyncpg.Record:
        """Set what `changes` holds; answers the row as it is now.

        `keys` take the place of all that the channel had. With them, and whenever it is switched
        on, the channel starts anew: nothing that relays found before counts any more.
        """
        row = await locked(connection, channel_id)
        await self._check(connection, changes)
        # Else who may change a channel could read its key, by leading it to a server of their own.
        moves = "base_url" in changes and _origin(changes["base_url"]) != _origin(row["base_url"])
        if moves and "keys" not in changes:
            raise EnvelopeError(_KEY_NEEDED)
        provider = await self._providers.of_channel(connection, actor, changes)
        if provider is not None:
            changes = {**changes, "provider_id": provider["id"]}
        before = dict(row)
        changes = self._with_proxy(changes, before, channel_id)
        after = before | changes
        require_way(after)
        if "keys" not in changes:
            require_key(before, after)
        await update_channel(connection, channel_id, after)
        if "keys" in changes:
            await delete_credentials(connection, channel_id)
            sealed = self.sealed(changes["keys"], channel_id)
            await insert_credentials(connection, channel_id, sealed)
        if "keys" in changes or changes.get("status") is Status.ENABLED:
            await enable_refused_credentials(connection, channel_id)
            await reset_health(connection, channel_id)
        return await saved(connection, actor, channel_id, "channel.update", _told(changes))

    async def remove(self, connection: Connection, actor: Actor, channel_id: int) -> None:
        """Take the channel out of routing."""
        if not await delete_channel(connection, channel_id):
            raise not_found("channel")
        await announce(connection, ROUTING, [channel_key(channel_id)])
        await record_action(connection, actor, "channel.delete", resource_id=channel_id)

    def sealed(self, keys: list[str], channel_id: int) -> list[Sealed]:
        """Keys as they may be kept; one that is given twice counts once."""
        return [
            Sealed(
                self._box.seal(key, channel_id=channel_id),
                key[-_HINT:] if len(key) >= _LONG_ENOUGH else "",
            )
            for key in dict.fromkeys(keys)
        ]

    def _with_proxy(
        self, channel: dict[str, Any], before: Mapping[str, Any], channel_id: int
    ) -> dict[str, Any]:
        """Once this was called nothing of it is in clear but the keys."""
        if "proxy_url" not in channel:
            return channel
        return channel | proxy_columns(
            channel["proxy_url"], before, channel_id=channel_id, box=self._box
        )

    async def _check(self, connection: Connection, channel: dict[str, Any]) -> None:
        if "base_url" in channel:
            try:
                self._egress.check_url(channel["base_url"])
            except ValueError as error:
                raise EnvelopeError(f"base_url: {error}") from None
        require_proxy_url(channel.get("proxy_url", ""), self._egress)
        await require_models(connection, channel.get("models", ()))
        await require_groups(connection, channel.get("groups", ()))


async def locked(connection: Connection, channel_id: int) -> asyncpg.Record:
    """The channel's row, locked. Raises EnvelopeError where there is none."""
    row = await read_channel(connection, channel_id, lock=True)
    if row is None:
        raise not_found("channel")
    return row


async def saved(
    connection: Connection, actor: Actor, channel_id: int, action: str, told: dict[str, Any]
) -> asyncpg.Record:
    """Announce a channel that was changed and record the action; answers the row as it is now."""
    await announce(connection, ROUTING, [channel_key(channel_id)])
    await record_action(connection, actor, action, resource_id=channel_id, changes=told)
    row = await read_channel(connection, channel_id)
    assert row is not None  # noqa: S101 - the caller has locked or made it
    return row


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _told(channel: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in channel.items() if name not in _UNTOLD}
    return {**told, "key": CHANGED} if "keys" in channel else told

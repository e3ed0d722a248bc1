"""Providers: whose channels are whose. Within the caller's transaction."""

from itertools import count
from typing import Any, Final

import asyncpg

from services.control.audit import Actor, record_action
from services.control.channels.slugs import numbered, slug_of
from services.control.channels.store_providers import (
    ProviderTakenError,
    channels_of,
    find_provider,
    insert_provider,
    is_slug_taken,
    mark_provider_deleted,
    read_provider,
    update_provider,
)
from services.control.errors import not_found
from services.control.state.state import announce
from services.control.state.state_keys import ROUTING, channel_key
from shared.http.egress import EgressPolicy
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

_EMPTY: Final = {
    "description": "",
    "base_url": "",
    "logo_url": "",
    "color": "",
    "is_active": True,
}
_TAKEN: Final = "there is a provider of this name or slug"


class Providers:
    """Knows which addresses are allowed."""

    def __init__(self, *, egress: EgressPolicy) -> None:
        self._egress = egress

    async def add(
        self, connection: Connection, actor: Actor, provider: dict[str, Any]
    ) -> asyncpg.Record:
        """A provider; answers its row. Without a slug it gets one made from its name."""
        row = await self._insert(connection, actor, provider)
        if row is None:
            raise EnvelopeError(_TAKEN)
        return row

    async def change(
        self, connection: Connection, actor: Actor, provider_id: int, changes: dict[str, Any]
    ) -> asyncpg.Record:
        """Set what `changes` holds; answers the row as it is now.

        Channels of a provider that is not active are routed to no more, whatever their status.
        """
        row = await _lock(connection, provider_id)
        self._check(changes)
        try:
            row = await update_provider(connection, provider_id, {**dict(row), **changes})
        except ProviderTakenError:
            raise EnvelopeError(_TAKEN) from None
        channels = await channels_of(connection, provider_id)
        await announce(connection, ROUTING, [channel_key(number) for number in channels])
        await record_action(
            connection, actor, "provider.update", resource_id=provider_id, changes=changes
        )
        return row

    async def remove(self, connection: Connection, actor: Actor, provider_id: int) -> None:
        """Delete a provider that has no channels any more."""
        row = await _lock(connection, provider_id)
        channels = await channels_of(connection, provider_id)
        if channels:
            raise EnvelopeError(
                f"{len(channels)} channels belong to this provider: delete them first,"
                " or give them another one"
            )
        await mark_provider_deleted(connection, provider_id)
        await record_action(
            connection,
            actor,
            "provider.delete",
            resource_id=provider_id,
            changes={"name": row["name"]},
        )

    async def of_channel(
        self, connection: Connection, actor: Actor, channel: dict[str, Any]
    ) -> asyncpg.Record | None:
        """The provider that a channel names, by `provider_id` or by `provider`: a slug or a name.

        A name that is not there yet is made: a channel is set up in one call. None where the
        channel names none.
        """
        if "provider_id" in channel:
            row = await read_provider(connection, channel["provider_id"], lock="FOR SHARE")
            if row is None:
                raise not_found("provider")
            return row
        if "provider" not in channel:
            return None
        name = channel["provider"]
        found = await find_provider(connection, name)
        found = found or await self._insert(connection, actor, {"name": name})
        # None again: another channel has made it at this moment, and has committed.
        found = found or await find_provider(connection, name)
        if found is None:
            raise EnvelopeError(_TAKEN)
        return found

    async def _insert(
        self, connection: Connection, actor: Actor, provider: dict[str, Any]
    ) -> asyncpg.Record | None:
        self._check(provider)
        slug = provider.get("slug") or await _free_slug(connection, provider["name"])
        row = await insert_provider(connection, {**_EMPTY, **provider, "slug": slug})
        if row is not None:
            told = {**provider, "slug": slug}
            await record_action(
                connection, actor, "provider.create", resource_id=row["id"], changes=told
            )
        return row

    def _check(self, provider: dict[str, Any]) -> None:
        if provider.get("base_url"):
            try:
                self._egress.check_url(provider["base_url"])
            except ValueError as error:
                raise EnvelopeError(f"base_url: {error}") from None


async def _lock(connection: Connection, provider_id: int) -> asyncpg.Record:
    row = await read_provider(connection, provider_id, lock="FOR UPDATE")
    if row is None:
        raise not_found("provider")
    return row


async def _free_slug(connection: Connection, name: str) -> str:
    slug = slug_of(name)
    candidates = (slug if number == 1 else numbered(slug, number) for number in count(1))
    for candidate in candidates:
        if not await is_slug_taken(connection, candidate):
            return candidate
    raise AssertionError("unreachable: there is always a higher number")

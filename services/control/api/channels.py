"""`/api/channel/*`, for admins. No answer shows a channel's key."""

from functools import partial
from typing import Annotated, Any, Literal

import asyncpg
from aiohttp import web
from pydantic import Field

from services.control.api.channel_health import GivenKeys
from services.control.api.requests import admin, path_id
from services.control.channels.channels import Channels
from services.control.channels.store_channels import list_channels, public_channel, read_channel
from services.control.errors import not_found
from services.control.fields import BaseUrl, Named, ProxyUrl, RowId, SettableStatus
from services.control.paging import Paging
from shared.events.routing import Status
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction

_Models = Annotated[list[Named], Field(min_length=1, max_length=1000)]
_Groups = Annotated[list[Named], Field(min_length=1, max_length=100)]
_Mapping = Annotated[dict[Named, Named], Field(max_length=1000)]
_Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
_Weight = Annotated[int, Field(ge=0, le=1_000_000)]


class NewChannel(GivenKeys):
    """What a new channel has."""

    name: Named
    provider: Named | None = None
    provider_id: RowId | None = None
    dialect: Literal["openai", "anthropic"] = "openai"
    base_url: BaseUrl | None = None
    models: _Models
    groups: _Groups
    model_mapping: _Mapping = Field(default_factory=dict)
    priority: _Priority = 0
    weight: _Weight = 1
    status: SettableStatus = Status.ENABLED
    proxy_url: ProxyUrl | None = None
    http2: bool = False


class ChannelChanges(GivenKeys):
    """What of a channel is to change."""

    id: RowId | None = None
    name: Named | None = None
    provider: Named | None = None
    provider_id: RowId | None = None
    dialect: Literal["openai", "anthropic"] | None = None
    base_url: BaseUrl | None = None
    models: _Models | None = None
    groups: _Groups | None = None
    model_mapping: _Mapping | None = None
    priority: _Priority | None = None
    weight: _Weight | None = None
    status: SettableStatus | None = None
    proxy_url: ProxyUrl | None = None
    http2: bool | None = None


def _columns(body: NewChannel | ChannelChanges) -> dict[str, Any]:
    """Column to value, `keys` and `proxy_url` in clear; a null is as good as not named."""
    given = body.model_dump(exclude={"id", "key", "keys", "proxy_url"})
    columns = {name: value for name, value in given.items() if value is not None}
    for listed in columns.keys() & {"models", "groups"}:
        columns[listed] = list(dict.fromkeys(columns[listed]))
    if body.proxy_url is not None:
        columns["proxy_url"] = body.proxy_url.get_secret_value()
    if keys := body.in_clear():
        columns["keys"] = keys
    return columns


class ChannelsApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool, channels: Channels) -> None:
        self._pool = pool
        self._channels = channels

    async def list(self, request: web.Request) -> web.Response:
        """All channels, a page."""
        admin(request)
        paging = read_query(request, Paging)
        rows, total = await list_channels(self._pool, limit=paging.limit, offset=paging.offset)
        return succeed(paging.answer([public_channel(row) for row in rows], total))

    async def read(self, request: web.Request) -> web.Response:
        """One channel."""
        admin(request)
        row = await read_channel(self._pool, path_id(request))
        if row is None:
            raise not_found("channel")
        return succeed(public_channel(row))

    async def create(self, request: web.Request) -> web.Response:
        """A channel; its keys are sealed before they are kept."""
        actor = admin(request)
        columns = _columns(await read_body(request, NewChannel))
        if "keys" not in columns:
            raise EnvelopeError("invalid request: key: a key is needed")
        row = await in_transaction(
            self._pool, partial(self._channels.add, actor=actor, channel=columns)
        )
        return succeed(public_channel(row))

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names; without `key` or `keys` the keys stay."""
        actor = admin(request)
        body = await read_body(request, ChannelChanges)
        channel_id = path_id(request, or_body=body.id)
        changes = _columns(body)
        if not changes:
            raise EnvelopeError("nothing to change")
        row = await in_transaction(
            self._pool,
            partial(self._channels.change, actor=actor, channel_id=channel_id, changes=changes),
        )
        return succeed(public_channel(row))

    async def delete(self, request: web.Request) -> web.Response:
        """Take a channel out of routing."""
        actor = admin(request)
        channel_id = path_id(request)
        await in_transaction(
            self._pool, partial(self._channels.remove, actor=actor, channel_id=channel_id)
        )
        return succeed()

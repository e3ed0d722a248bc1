"""`/api/provider/*`, for admins."""

from functools import partial
from typing import Annotated

import asyncpg
from aiohttp import web
from pydantic import StringConstraints

from services.control.api.requests import Body, admin, path_id
from services.control.channels.providers import Providers
from services.control.channels.store_providers import list_providers, public_provider, read_provider
from services.control.errors import not_found
from services.control.fields import BaseUrl, Named, RowId
from services.control.paging import Paging
from services.control.people.profile_fields import Color, PictureUrl, Text
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction

_Slug = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class NewProvider(Body):
    """What a new provider has."""

    name: Named
    slug: _Slug | None = None
    description: Text = ""
    base_url: BaseUrl = ""
    logo_url: PictureUrl = ""
    color: Color = ""
    is_active: bool = True


class ProviderChanges(Body):
    """What of a provider is to change."""

    id: RowId | None = None
    name: Named | None = None
    slug: _Slug | None = None
    description: Text | None = None
    base_url: BaseUrl | None = None
    logo_url: PictureUrl | None = None
    color: Color | None = None
    is_active: bool | None = None


class ProvidersApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool, providers: Providers) -> None:
        self._pool = pool
        self._providers = providers

    async def list(self, request: web.Request) -> web.Response:
        """All providers, a page."""
        admin(request)
        paging = read_query(request, Paging)
        rows, total = await list_providers(self._pool, limit=paging.limit, offset=paging.offset)
        return succeed(paging.answer([public_provider(row) for row in rows], total))

    async def read(self, request: web.Request) -> web.Response:
        """One provider."""
        admin(request)
        row = await read_provider(self._pool, path_id(request))
        if row is None:
            raise not_found("provider")
        return succeed(public_provider(row))

    async def create(self, request: web.Request) -> web.Response:
        """A provider."""
        actor = admin(request)
        body = await read_body(request, NewProvider)
        row = await in_transaction(
            self._pool,
            partial(
                self._providers.add,
                actor=actor,
                provider={**body.model_dump(exclude={"slug"}), **body.named("name")},
            ),
        )
        return succeed(public_provider(row))

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names."""
        actor = admin(request)
        body = await read_body(request, ProviderChanges)
        provider_id = path_id(request, or_body=body.id)
        changes = body.named("id")
        if not changes:
            raise EnvelopeError("nothing to change")
        row = await in_transaction(
            self._pool,
            partial(self._providers.change, actor=actor, provider_id=provider_id, changes=changes),
        )
        return succeed(public_provider(row))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a provider without channels."""
        actor = admin(request)
        provider_id = path_id(request)
        await in_transaction(
            self._pool, partial(self._providers.remove, actor=actor, provider_id=provider_id)
        )
        return succeed()

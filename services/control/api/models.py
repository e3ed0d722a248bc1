"""`/api/models/*`, for admins."""

from functools import partial
from typing import Annotated, Any

import asyncpg
from aiohttp import web
from pydantic import Field

from services.control.api.requests import Body, admin, path_name
from services.control.errors import not_found
from services.control.fields import Named, SettableStatus, Tokens
from services.control.offering.offered import add_model, change_model, remove_model
from services.control.offering.store_models import list_models, public_model, read_model
from services.control.paging import Paging
from shared.events.routing import Status
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction

_Groups = Annotated[list[Named], Field(max_length=100)]


class NewModel(Body):
    """What a new model has."""

    name: Named
    groups: _Groups
    status: SettableStatus = Status.ENABLED
    owned_by: Named = "ledgerline"
    max_output_tokens: Annotated[Tokens, Field(ge=1)]
    max_media_tokens: Tokens = 0


class ModelChanges(Body):
    """What of a model is to change."""

    groups: _Groups | None = None
    status: SettableStatus | None = None
    owned_by: Named | None = None
    max_output_tokens: Annotated[Tokens, Field(ge=1)] | None = None
    max_media_tokens: Tokens | None = None


def _columns(body: Body) -> dict[str, Any]:
    columns = {name: value for name, value in body.model_dump().items() if value is not None}
    columns.pop("name", None)
    if "groups" in columns:
        columns["groups"] = list(dict.fromkeys(columns["groups"]))
    return columns


class ModelsApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def list(self, request: web.Request) -> web.Response:
        """All models, a page."""
        admin(request)
        paging = read_query(request, Paging)
        rows, total = await list_models(self._pool, limit=paging.limit, offset=paging.offset)
        return succeed(paging.answer([public_model(row) for row in rows], total))

    async def create(self, request: web.Request) -> web.Response:
        """A model."""
        actor = admin(request)
        body = await read_body(request, NewModel)
        await in_transaction(
            self._pool, partial(add_model, actor=actor, name=body.name, model=_columns(body))
        )
        return await self._answer(body.name)

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names."""
        actor = admin(request)
        name = path_name(request)
        changes = _columns(await read_body(request, ModelChanges))
        if not changes:
            raise EnvelopeError("nothing to change")
        await in_transaction(
            self._pool, partial(change_model, actor=actor, name=name, changes=changes)
        )
        return await self._answer(name)

    async def delete(self, request: web.Request) -> web.Response:
        """Take a model out."""
        actor = admin(request)
        name = path_name(request)
        await in_transaction(self._pool, partial(remove_model, actor=actor, name=name))
        return succeed()

    async def _answer(self, name: str) -> web.Response:
        row = await read_model(self._pool, name)
        if row is None:
            raise not_found("model")
        return succeed(public_model(row))

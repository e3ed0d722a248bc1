"""`/api/token/*`: a person's own API keys."""

from functools import partial
from typing import Any, Final

import asyncpg
from aiohttp import web
from pydantic import TypeAdapter, ValidationError, field_validator

from services.control.api.requests import Body, path_id, person
from services.control.errors import not_found
from services.control.fields import (
    NEVER,
    Named,
    RowId,
    SettableStatus,
    UnixSeconds,
    from_unix,
    parse_addresses,
    parse_names,
)
from services.control.keys import change_key, create_key, public_key, remove_key
from services.control.paging import Paging
from services.control.store_keys import list_own_keys, read_own_key
from shared.events.routing import Status
from shared.events.text import ModelName, Name
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction
from shared.service.clock import utc_now

_NO_LIMITS: Final = "limits for keys are not available yet: set unlimited_quota to true"
_NO_PROJECTS: Final = "projects are not available yet: leave project_id out"
_MAX_ADDRESSES: Final = 100
_MAX_MODELS: Final = 1000
_MODEL_NAMES: Final[TypeAdapter[list[str]]] = TypeAdapter(list[ModelName])


class _Key(Body):
    """The fields that a key has, all with what they are when nobody names them."""

    status: SettableStatus = Status.ENABLED
    expired_time: UnixSeconds = NEVER
    group: Name | None = ""
    model_limits_enabled: bool = False
    model_limits: str | None = ""
    allow_ips: str | None = ""
    unlimited_quota: bool = True
    project_id: RowId | None = None

    @field_validator("model_limits")
    @classmethod
    def _check_models(cls, value: str | None) -> str | None:
        names = parse_names(value or "")
        try:
            _MODEL_NAMES.validate_python(names)
        except ValidationError:
            raise ValueError("a model's name is too long or holds control characters") from None
        if len(names) > _MAX_MODELS:
            raise ValueError(f"at most {_MAX_MODELS} models")
        return value

    @field_validator("allow_ips")
    @classmethod
    def _check_addresses(cls, value: str | None) -> str | None:
        if len(parse_addresses(value or "")) > _MAX_ADDRESSES:
            raise ValueError(f"at most {_MAX_ADDRESSES} addresses")
        return value

    def columns(self, *, only_given: bool) -> dict[str, Any]:
        """The table's columns. Raises EnvelopeError for what does not exist yet."""
        if not self.unlimited_quota:
            raise EnvelopeError(_NO_LIMITS)
        if self.project_id is not None:
            raise EnvelopeError(_NO_PROJECTS)
        columns = self.given() if only_given else self.model_dump()
        parsed = {
            "expired_time": from_unix(self.expired_time),
            "group": self.group or "",
            "model_limits": parse_names(self.model_limits or ""),
            "allow_ips": parse_addresses(self.allow_ips or ""),
        }
        left_out = {"id", "unlimited_quota", "project_id"}
        return {
            name: parsed.get(name, value) for name, value in columns.items() if name not in left_out
        }


class _NewKey(_Key):
    name: Named


class _KeyChanges(_Key):
    id: RowId | None = None
    name: Named = ""


class TokensApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def list(self, request: web.Request) -> web.Response:
        """The caller's keys, masked, a page."""
        actor = person(request)
        paging = read_query(request, Paging)
        rows, total = await list_own_keys(
            self._pool, user_id=actor.user_id, limit=paging.limit, offset=paging.offset
        )
        now = utc_now()
        return succeed(paging.answer([public_key(row, now=now) for row in rows], total))

    async def read(self, request: web.Request) -> web.Response:
        """One of the caller's keys, masked."""
        actor = person(request)
        row = await read_own_key(self._pool, path_id(request), user_id=actor.user_id)
        if row is None:
            raise not_found("token")
        return succeed(public_key(row, now=utc_now()))

    async def create(self, request: web.Request) -> web.Response:
        """A key. This answer is the only one that shows it."""
        actor = person(request)
        body = await read_body(request, _NewKey)
        columns = body.columns(only_given=False)
        row, key = await in_transaction(self._pool, partial(create_key, actor=actor, key=columns))
        response = succeed({**public_key(row, now=utc_now()), "key": key})
        response.headers["Cache-Control"] = "no-store"
        return response

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names; with `?status_only=` the status alone."""
        actor = person(request)
        body = await read_body(request, _KeyChanges)
        columns = body.columns(only_given=True)
        if "status_only" in request.query:
            columns = {"status": body.status}
        row = await in_transaction(
            self._pool,
            partial(
                change_key, actor=actor, key_id=path_id(request, or_body=body.id), changes=columns
            ),
        )
        return succeed(public_key(row, now=utc_now()))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete one of the caller's keys."""
        actor = person(request)
        await in_transaction(self._pool, partial(remove_key, actor=actor, key_id=path_id(request)))
        return succeed()

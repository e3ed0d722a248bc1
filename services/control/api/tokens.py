"""`/api/token/*`: a person's own API keys."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Final

import asyncpg
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from services.control.api.limit_fields import NO_LIMITS, LimitsBody
from services.control.api.requests import Body, path_id, person
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
from services.control.keys.key_quota import QuotaNamed
from services.control.keys.key_rotation import rotate_key
from services.control.keys.key_view import public_key
from services.control.keys.keys import change_key, create_key, readable_key, remove_key
from services.control.keys.store_keys import list_own_keys
from services.control.paging import Paging
from services.control.secrets_made import hash_secret, is_key_secret, strip_key_mark
from shared.events.numbers import MAX_ID, MAX_QUOTA_UNITS
from shared.events.routing import Status
from shared.events.text import ModelName, Name
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction
from shared.service.clock import utc_now

_MAX_GRACE_S: Final = 7 * 24 * 60 * 60
_MAX_ADDRESSES: Final = 100
_MAX_MODELS: Final = 1000
_QUOTA: Final = frozenset({"unlimited_quota", "remain_quota", "used_quota", "quota_version"})
_NO_STATUS: Final = "status is 1 (enabled) or 2 (disabled)"
_MODEL_NAMES: Final[TypeAdapter[list[str]]] = TypeAdapter(list[ModelName])


class _Key(Body):
    """The fields that a key has, all with what they are when nobody names them."""

    status: SettableStatus = Status.ENABLED
    expired_time: UnixSeconds = NEVER
    group: Name | None = ""
    model_limits_enabled: bool = False
    model_limits: str | None = ""
    allow_ips: str | None = ""
    project_id: RowId | None = None
    cross_group_retry: bool = False
    limits: LimitsBody | None = NO_LIMITS
    unlimited_quota: bool | None = None
    remain_quota: Annotated[int, Field(ge=0, le=MAX_QUOTA_UNITS)] | None = None

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
        """The table's columns, but for those of the quota."""
        columns = self.given() if only_given else self.model_dump()
        parsed = {
            "expired_time": from_unix(self.expired_time),
            "group": self.group or "",
            "model_limits": parse_names(self.model_limits or ""),
            "allow_ips": parse_addresses(self.allow_ips or ""),
            "limits": (self.limits or NO_LIMITS).as_json(),
        }
        left_out = {"id", *_QUOTA}
        return {
            name: parsed.get(name, value) for name, value in columns.items() if name not in left_out
        }


class NewKey(_Key):
    """What a new key has."""

    name: Named

    def quota(self) -> QuotaNamed:
        """What it may spend."""
        return QuotaNamed(self.unlimited_quota, self.remain_quota)


class KeyChanges(_Key):
    """What tools send back: often the whole key as they read it, perhaps a while ago."""

    id: RowId | None = None
    name: Named = ""
    status: Status = Status.ENABLED
    """3 and 4 say what is so: they are passed over, and only shown."""
    used_quota: Annotated[int, Field(ge=0, le=MAX_ID)] | None = None
    quota_version: Annotated[int, Field(ge=0, le=MAX_ID)] | None = None

    def columns(self, *, only_given: bool) -> dict[str, Any]:
        """As of a new key; a status that cannot be set is left out."""
        columns = super().columns(only_given=only_given)
        if self.status not in {Status.ENABLED, Status.DISABLED}:
            columns.pop("status", None)
        return columns

    def quota(self) -> QuotaNamed:
        """What is to be left, and what the sender knew."""
        return QuotaNamed(
            self.unlimited_quota, self.remain_quota, self.used_quota, self.quota_version
        )


class Rotation(Body):
    """How long the old secret is still valid, in seconds."""

    grace_s: Annotated[int, Field(ge=0, le=_MAX_GRACE_S)] = 0


class KeySearch(BaseModel):
    """What to look for among one's keys."""

    model_config = ConfigDict(hide_input_in_errors=True)

    keyword: Name = ""
    token: Name = ""

    def conditions(self) -> dict[str, Any]:
        """A whole key is found by its hash, less than one by the characters that lists show."""
        secret = strip_key_mark(self.token)
        if is_key_secret(secret):
            return {"name": self.keyword, "key_hash": hash_secret(secret)}
        return {"name": self.keyword, "key_prefix": secret.rstrip("*")}


class TokensApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def list(self, request: web.Request) -> web.Response:
        """The caller's keys, masked, a page."""
        return await self._page(request, {})

    async def search(self, request: web.Request) -> web.Response:
        """Those whose name has `keyword` in it, and that are `token` or begin like it."""
        return await self._page(request, read_query(request, KeySearch).conditions())

    async def read(self, request: web.Request) -> web.Response:
        """One key, masked."""
        row = await readable_key(self._pool, person(request), path_id(request))
        return succeed(public_key(row, now=utc_now()))

    async def create(self, request: web.Request) -> web.Response:
        """A key. This answer is the only one that shows it."""
        actor = person(request)
        body = await read_body(request, NewKey)
        row, key = await in_transaction(
            self._pool,
            partial(
                create_key, actor=actor, key=body.columns(only_given=False), quota=body.quota()
            ),
        )
        return _shown_once(row, key)

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names; with `?status_only=` the status alone."""
        actor = person(request)
        body = await read_body(request, KeyChanges)
        columns, quota = body.columns(only_given=True), body.quota()
        if "status_only" in request.query:
            if "status" not in columns:
                raise EnvelopeError(_NO_STATUS)
            columns, quota = {"status": body.status}, QuotaNamed()
        row = await in_transaction(
            self._pool,
            partial(
                change_key,
                actor=actor,
                key_id=path_id(request, or_body=body.id),
                changes=columns,
                quota=quota,
            ),
        )
        return succeed(public_key(row, now=utc_now()))

    async def rotate(self, request: web.Request) -> web.Response:
        """A new secret; the old one is valid for `grace_s` more. Only this answer shows it."""
        actor = person(request)
        body = await read_body(request, Rotation)
        row, key = await in_transaction(
            self._pool,
            partial(
                rotate_key,
                actor=actor,
                key_id=path_id(request),
                grace=timedelta(seconds=body.grace_s),
            ),
        )
        return _shown_once(row, key)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete one of the caller's keys."""
        actor = person(request)
        await in_transaction(self._pool, partial(remove_key, actor=actor, key_id=path_id(request)))
        return succeed()

    async def _page(self, request: web.Request, conditions: dict[str, Any]) -> web.Response:
        actor = person(request)
        paging = read_query(request, Paging)
        rows, total = await list_own_keys(
            self._pool,
            user_id=actor.user_id,
            limit=paging.limit,
            offset=paging.offset,
            **conditions,
        )
        now = utc_now()
        return succeed(paging.answer([public_key(row, now=now) for row in rows], total))


def _shown_once(row: asyncpg.Record, key: str) -> web.Response:
    response = succeed({**public_key(row, now=utc_now()), "key": key})
    response.headers["Cache-Control"] = "no-store"
    return response

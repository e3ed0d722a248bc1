"""`/api/user/self` and `/api/user/token`: oneself."""

from typing import Annotated, Any, Final, Self

import asyncpg
from aiohttp import web
from pydantic import Field, SecretStr, model_validator

from services.control.api.requests import Body, person
from services.control.balances.store_balances import read_balance
from services.control.client import Client
from services.control.errors import not_found
from services.control.fields import Password
from services.control.people.own_account import OwnAccount
from services.control.people.profile_fields import (
    Email,
    JsonObject,
    PictureUrl,
    SettingText,
    Timezone,
)
from services.control.people.public_users import public_user
from services.control.people.store_users import read_user
from shared.events.text import Name
from shared.http.envelope import EnvelopeError, read_body, succeed

_PASSWORDS: Final = ("original_password", "password")


class OwnChanges(Body):
    """What of oneself is to change."""

    display_name: Name | None = None
    email: Email | None = None
    avatar_url: PictureUrl | None = None
    timezone: Timezone | None = None
    preferences: JsonObject | None = None
    setting: SettingText | None = None
    original_password: Annotated[SecretStr, Field(max_length=128)] | None = None
    password: Password | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_password_is_none(cls, body: Any) -> Any:
        # Tools send the whole form, with these two empty where only the name changes.
        if isinstance(body, dict):
            return {k: None if k in _PASSWORDS and v == "" else v for k, v in body.items()}
        return body

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if self.password is not None and self.original_password is None:
            raise ValueError("a new password needs original_password")
        return self

    def changes(self) -> dict[str, Any]:
        """What was named but for the passwords; a null is as good as not named."""
        return self.named(*_PASSWORDS)


class OwnAccountApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool, own_account: OwnAccount) -> None:
        self._pool = pool
        self._own_account = own_account

    async def read(self, request: web.Request) -> web.Response:
        """The caller."""
        row = await read_user(self._pool, person(request).user_id)
        if row is None:
            raise not_found("user")
        balance = await read_balance(self._pool, row["personal_workspace_id"])
        return succeed(public_user(row, balance))

    async def change(self, request: web.Request) -> web.Response:
        """The caller's profile, and the password where the original one is told."""
        actor = person(request)
        body = await read_body(request, OwnChanges)
        changes = body.changes()
        if body.password is None and not changes:
            raise EnvelopeError("nothing to change")
        # First, since it can fail: then nothing has changed.
        if body.password is not None and body.original_password is not None:
            await self._own_account.change_password(
                actor,
                Client.of(request),
                original=body.original_password.get_secret_value(),
                password=body.password.get_secret_value(),
            )
        if changes:
            await self._own_account.change_profile(actor, changes)
        return await self.read(request)

    async def access_token(self, request: web.Request) -> web.Response:
        """A new access token in place of the old one, shown once."""
        response = succeed(await self._own_account.make_access_token(person(request)))
        response.headers["Cache-Control"] = "no-store"
        return response

    async def drop_access_token(self, request: web.Request) -> web.Response:
        """Take the access token away."""
        await self._own_account.drop_access_token(person(request))
        return succeed()

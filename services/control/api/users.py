"""`/api/user/*`: oneself, and for admins everybody."""

from functools import partial
from typing import Any

import asyncpg
from aiohttp import web

from services.control.api.requests import Body, admin, path_id, person
from services.control.errors import not_found
from services.control.fields import Named, Password, RowId, SettableStatus
from services.control.paging import Paging
from services.control.passwords import Passwords
from services.control.people import (
    DEFAULT_GROUP,
    NewUser,
    change_user,
    create_user,
    make_access_token,
)
from services.control.store_users import list_users, public_user, read_user
from shared.events.directory import Role
from shared.events.text import Name
from shared.http.envelope import read_body, read_query, succeed
from shared.postgres.retrying import in_transaction


class _NewUser(Body):
    username: Named
    password: Password
    display_name: Name = ""
    role: Role = Role.USER
    group: Named = DEFAULT_GROUP


class _UserChanges(Body):
    id: RowId | None = None
    display_name: Name = ""
    role: Role = Role.USER
    status: SettableStatus | None = None
    group: Named = DEFAULT_GROUP

    def changes(self) -> dict[str, Any]:
        """What was named; a null is as good as not named."""
        return {name: value for name, value in self.given("id").items() if value is not None}


class UsersApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool, passwords: Passwords) -> None:
        self._pool = pool
        self._passwords = passwords

    async def own(self, request: web.Request) -> web.Response:
        """The caller."""
        return await self._answer(person(request).user_id)

    async def access_token(self, request: web.Request) -> web.Response:
        """A new access token in place of the old one, shown once."""
        token = await in_transaction(self._pool, partial(make_access_token, actor=person(request)))
        response = succeed(token)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def list(self, request: web.Request) -> web.Response:
        """All users, a page."""
        admin(request)
        paging = read_query(request, Paging)
        rows, total = await list_users(self._pool, limit=paging.limit, offset=paging.offset)
        return succeed(paging.answer([public_user(row) for row in rows], total))

    async def read(self, request: web.Request) -> web.Response:
        """One user."""
        admin(request)
        return await self._answer(path_id(request))

    async def create(self, request: web.Request) -> web.Response:
        """A user with a personal workspace."""
        actor = admin(request)
        body = await read_body(request, _NewUser)
        new = NewUser(
            username=body.username,
            password_hash=await self._passwords.hash(body.password.get_secret_value()),
            display_name=body.display_name,
            role=body.role,
            group=body.group,
        )
        user_id = await in_transaction(self._pool, partial(create_user, actor=actor, new=new))
        return await self._answer(user_id)

    async def change(self, request: web.Request) -> web.Response:
        """Some of display_name, role, status and group."""
        actor = admin(request)
        body = await read_body(request, _UserChanges)
        user_id = path_id(request, or_body=body.id)
        await in_transaction(
            self._pool,
            partial(change_user, actor=actor, user_id=user_id, changes=body.changes()),
        )
        return await self._answer(user_id)

    async def _answer(self, user_id: int) -> web.Response:
        row = await read_user(self._pool, user_id)
        if row is None:
            raise not_found("user")
        return succeed(public_user(row))

"""`/api/user/*` for admins: everybody."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
from aiohttp import web

from services.control.api.requests import Body, admin, path_id
from services.control.balances.store_balances import WorkspaceBalance, read_balance, read_balances
from services.control.errors import not_found
from services.control.fields import Named, Password, RowId, SettableStatus
from services.control.paging import Paging
from services.control.people.people import DEFAULT_GROUP, NewUser, create_user
from services.control.people.people_changes import change_user, delete_user, unlock_user
from services.control.people.profile_fields import Email, Line
from services.control.people.public_users import managed_user
from services.control.people.store_users import UserFilter, list_users, read_user
from services.control.sessions.passwords import Passwords
from shared.events.directory import Role
from shared.events.routing import Status
from shared.events.text import Name
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction


class NewUserBody(Body):
    """What a new user has."""

    username: Named
    password: Password
    display_name: Name = ""
    role: Role = Role.USER
    group: Named = DEFAULT_GROUP
    email: Email = ""
    remark: Line = ""


class UserChanges(Body):
    """What of a user is to change."""

    id: RowId | None = None
    display_name: Name | None = None
    email: Email | None = None
    role: Role | None = None
    status: SettableStatus | None = None
    group: Named | None = None
    remark: Line | None = None
    password: Password | None = None

    def changes(self) -> dict[str, Any]:
        """What was named, without the password; a null is as good as not named."""
        return self.named("id", "password")


class UserFilters(Paging):
    """Which users."""

    keyword: Name = ""
    username: Name = ""
    group: Name = ""
    status: Status | None = None
    role: Role | None = None

    def filter(self) -> UserFilter:
        """What the rows must match."""
        return UserFilter(
            keyword=self.keyword.strip() or None,
            username=self.username.strip() or None,
            group=self.group or None,
            status=self.status,
            role=self.role,
        )


class UsersApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool, passwords: Passwords) -> None:
        self._pool = pool
        self._passwords = passwords

    async def list(self, request: web.Request) -> web.Response:
        """The users that are wanted, a page."""
        admin(request)
        wanted = read_query(request, UserFilters)
        rows, total = await list_users(
            self._pool, wanted.filter(), limit=wanted.limit, offset=wanted.offset
        )
        workspaces = [row["personal_workspace_id"] for row in rows]
        balances = await read_balances(self._pool, workspaces)
        items = [
            managed_user(row, balances.get(workspace_id, WorkspaceBalance()))
            for row, workspace_id in zip(rows, workspaces, strict=True)
        ]
        return succeed(wanted.answer(items, total))

    async def read(self, request: web.Request) -> web.Response:
        """One user."""
        admin(request)
        return await self._answer(path_id(request))

    async def create(self, request: web.Request) -> web.Response:
        """A user with a personal workspace."""
        actor = admin(request)
        body = await read_body(request, NewUserBody)
        new = NewUser(
            username=body.username,
            password_hash=await self._passwords.hash(body.password.get_secret_value()),
            display_name=body.display_name,
            role=body.role,
            group=body.group,
            email=body.email or None,
            remark=body.remark,
        )
        user_id = await in_transaction(self._pool, partial(create_user, actor=actor, new=new))
        return await self._answer(user_id)

    async def change(self, request: web.Request) -> web.Response:
        """Some of display_name, email, role, status, group, remark and password."""
        actor = admin(request)
        body = await read_body(request, UserChanges)
        user_id = path_id(request, or_body=body.id)
        changes = body.changes()
        if body.password is not None:
            changes["password"] = await self._passwords.hash(body.password.get_secret_value())
        if not changes:
            raise EnvelopeError("nothing to change")
        await in_transaction(
            self._pool, partial(change_user, actor=actor, user_id=user_id, changes=changes)
        )
        return await self._answer(user_id)

    async def unlock(self, request: web.Request) -> web.Response:
        """Let a user who is locked out try again at once."""
        await self._do(request, unlock_user)
        return await self._answer(path_id(request))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a user for good."""
        await self._do(request, delete_user)
        return succeed()

    async def _do(self, request: web.Request, change: Callable[..., Awaitable[None]]) -> None:
        actor = admin(request)
        user_id = path_id(request)
        await in_transaction(self._pool, partial(change, actor=actor, user_id=user_id))

    async def _answer(self, user_id: int) -> web.Response:
        row = await read_user(self._pool, user_id)
        if row is None:
            raise not_found("user")
        balance = await read_balance(self._pool, row["personal_workspace_id"])
        return succeed(managed_user(row, balance))

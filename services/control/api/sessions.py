"""`/api/user/login`, `refresh`, `logout`, and one's sessions."""

from functools import partial
from typing import Annotated, Any, Final

import asyncpg
from aiohttp import web
from pydantic import Field, SecretStr

from services.control.api.cookies import REFRESH_COOKIE, Cookies
from services.control.api.requests import Body, path_id, person
from services.control.balances.store_balances import read_balance
from services.control.client import Client
from services.control.paging import Paging
from services.control.people.public_users import public_user
from services.control.sessions.logging_out import end_session, log_out, log_out_everywhere
from services.control.sessions.refreshing import Refreshed, Refreshing
from services.control.sessions.sessions import Login, Sessions
from services.control.sessions.store_sessions import list_sessions, public_session
from shared.events.text import Name
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction
from shared.service.clock import utc_now

_NO_TOKEN: Final = "a refresh_token is needed, in the body or in its cookie"  # noqa: S105 - a message


class LoginBody(Body):
    """A name and a password."""

    username: Name
    password: Annotated[SecretStr, Field(max_length=128)]


class RefreshBody(Body):
    """A refresh token, where no cookie has it."""

    refresh_token: Annotated[SecretStr, Field(max_length=256)] | None = None


class SessionsApi:
    """Handlers."""

    def __init__(
        self, *, pool: asyncpg.Pool, sessions: Sessions, refreshing: Refreshing, cookies: Cookies
    ) -> None:
        self._pool = pool
        self._sessions = sessions
        self._refreshing = refreshing
        self._cookies = cookies

    async def log_in(self, request: web.Request) -> web.Response:
        """Needs no caller. Answers the session's two tokens, in cookies too."""
        body = await read_body(request, LoginBody)
        login = await self._sessions.log_in(
            body.username, body.password.get_secret_value(), Client.of(request)
        )
        balance = await read_balance(self._pool, login.user["personal_workspace_id"])
        return self._given(login, **public_user(login.user, balance))

    async def refresh(self, request: web.Request) -> web.Response:
        """Needs no caller: the refresh token says who it is. Answers the next two tokens."""
        body = await read_body(request, RefreshBody)
        shown = (
            request.cookies.get(REFRESH_COOKIE)
            if body.refresh_token is None
            else body.refresh_token.get_secret_value()
        )
        if not shown:
            raise EnvelopeError(_NO_TOKEN)
        refreshed = await self._refreshing.refresh(shown, Client.of(request))
        return self._given(refreshed)

    async def log_out(self, request: web.Request) -> web.Response:
        """End the session; the cookies are taken back."""
        await in_transaction(self._pool, partial(log_out, actor=person(request)))
        response = succeed()
        self._cookies.take_back(response)
        return response

    async def log_out_everywhere(self, request: web.Request) -> web.Response:
        """End all sessions of the caller."""
        ended = await in_transaction(self._pool, partial(log_out_everywhere, actor=person(request)))
        response = succeed({"sessions": ended})
        self._cookies.take_back(response)
        return response

    async def list(self, request: web.Request) -> web.Response:
        """The caller's sessions that hold, a page."""
        actor = person(request)
        paging = read_query(request, Paging)
        rows, total = await list_sessions(
            self._pool,
            user_id=actor.user_id,
            now=utc_now(),
            limit=paging.limit,
            offset=paging.offset,
        )
        items = [public_session(row, current=actor.session_id) for row in rows]
        return succeed(paging.answer(items, total))

    async def end(self, request: web.Request) -> web.Response:
        """End one of the caller's sessions."""
        actor = person(request)
        await in_transaction(
            self._pool, partial(end_session, actor=actor, session_id=path_id(request))
        )
        return succeed()

    def _given(self, given: Login | Refreshed, **beside: Any) -> web.Response:
        """Two tokens that are good from now on, in the answer and in cookies."""
        response = succeed(
            {
                **beside,
                "session_token": given.tokens.session,
                "token_expiry": int(given.token_expires_at.timestamp()),
                "refresh_token": given.tokens.refresh,
                "expires_at": int(given.expires_at.timestamp()),
            }
        )
        self._cookies.give(
            response,
            given.tokens,
            token_expires_at=given.token_expires_at,
            expires_at=given.expires_at,
        )
        return response

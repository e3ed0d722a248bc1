"""`/api/user/login`, `/api/user/logout`."""

from typing import Annotated, Final

from aiohttp import web
from pydantic import Field, SecretStr

from services.control.api.requests import Body
from services.control.sessions import Sessions
from services.control.store_users import public_user
from shared.events.text import Name
from shared.http.callers import user_of
from shared.http.envelope import read_body, succeed

SESSION_COOKIE: Final = "ledgerline_session"


class _Login(Body):
    username: Name
    password: Annotated[SecretStr, Field(max_length=128)]


class SessionsApi:
    """Handlers."""

    def __init__(self, *, sessions: Sessions, cookie_is_secure: bool, lifetime_s: int) -> None:
        self._sessions = sessions
        self._cookie_is_secure = cookie_is_secure
        self._lifetime_s = lifetime_s

    async def log_in(self, request: web.Request) -> web.Response:
        """The one call that needs no caller. Answers the session's token, in a cookie too."""
        body = await read_body(request, _Login)
        login = await self._sessions.log_in(body.username, body.password.get_secret_value())
        response = succeed(
            {
                **public_user(login.user),
                "session_token": login.token,
                "expires_at": int(login.expires_at.timestamp()),
            }
        )
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            SESSION_COOKIE,
            login.token,
            max_age=self._lifetime_s,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self._cookie_is_secure,
        )
        return response

    async def log_out(self, request: web.Request) -> web.Response:
        """End the session; the cookie is taken back."""
        await self._sessions.log_out(user_of(request))
        response = succeed()
        response.del_cookie(
            SESSION_COOKIE,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self._cookie_is_secure,
        )
        return response

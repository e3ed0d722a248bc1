"""The two cookies of a session."""

from datetime import datetime
from typing import Final, Literal, NamedTuple

from aiohttp import web

from services.control.sessions.session_tokens import SessionTokens
from shared.service.clock import utc_now

SESSION_COOKIE: Final = "ledgerline_session"
REFRESH_COOKIE: Final = "ledgerline_refresh"
_REFRESH_PATH: Final = "/api/user/refresh"


class _Cookie(NamedTuple):
    name: str
    path: str
    same_site: Literal["Lax", "Strict"]


_SESSION: Final = _Cookie(SESSION_COOKIE, "/", "Lax")
# Sent with this one call only, and never from another site.
_REFRESH: Final = _Cookie(REFRESH_COOKIE, _REFRESH_PATH, "Strict")


class Cookies:
    """Gives and takes them. No script can read them."""

    def __init__(self, *, is_secure: bool) -> None:
        self._is_secure = is_secure

    def give(
        self,
        response: web.Response,
        tokens: SessionTokens,
        *,
        token_expires_at: datetime,
        expires_at: datetime,
    ) -> None:
        """Each goes when its token expires. The answer holds secrets: nobody may store it."""
        response.headers["Cache-Control"] = "no-store"
        self._set(response, _SESSION, tokens.session, until=token_expires_at)
        self._set(response, _REFRESH, tokens.refresh, until=expires_at)

    def take_back(self, response: web.Response) -> None:
        """Both."""
        for cookie in (_SESSION, _REFRESH):
            response.del_cookie(
                cookie.name,
                path=cookie.path,
                httponly=True,
                samesite=cookie.same_site,
                secure=self._is_secure,
            )

    def _set(self, response: web.Response, cookie: _Cookie, value: str, *, until: datetime) -> None:
        response.set_cookie(
            cookie.name,
            value,
            max_age=max(0, int((until - utc_now()).total_seconds())),
            path=cookie.path,
            httponly=True,
            samesite=cookie.same_site,
            secure=self._is_secure,
        )

"""Turning what a caller of `/api/*` shows into control's assertion, remembered for a moment."""

import hashlib
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from shared.http.envelope import EnvelopeError
from shared.http.internal_client import InternalCallError, InternalClient

SESSION_COOKIE: Final = "ledgerline_session"
REFRESH_COOKIE: Final = "ledgerline_refresh"
REFRESH_PATH: Final = "/api/user/refresh"
"""The one call that takes a cookie further, and only its own: the token in it says who calls."""
KEY_IN_QUERY: Final = "/api/log/token"
"""The one path that takes a key as `?key=`."""
USER_HEADER: Final = "New-Api-User"
"""Some tools say whom they mean to be; where they do, it must be true."""
_FETCH_SITE: Final = "Sec-Fetch-Site"
_OTHER_SITE: Final = "cross-site"
_REMEMBER_S: Final = 5.0
_REMEMBERED: Final = 10_000
_ACCESS_TOKEN_CHARS: Final = 32
_WRONG_ADDRESS: Final = "address"
"""Control's reason to make no assertion."""
_KEY_PREFIX: Final = "sk-"
_KEY_CHARS: Final = 48
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller of `/api/*` showed. `value` is a secret."""

    kind: str
    value: str

    def __repr__(self) -> str:
        return f"Credential({self.kind})"


@dataclass(frozen=True, slots=True)
class _Remembered:
    until: float
    assertion: str | None
    user_id: int | None
    is_address_refused: bool = False


class SigningIn:
    """Asks control who a caller is."""

    def __init__(self, control: InternalClient) -> None:
        self._control = control
        self._answers: OrderedDict[tuple[bytes, str], _Remembered] = OrderedDict()

    async def assertion(
        self, request: web.BaseRequest, *, audience: str, client_address: str
    ) -> str | None:
        """The assertion for one service; null where control does not know the caller.

        Raises EnvelopeError 401 where the caller is not whom it says it is, 403 where its key may
        not be used from this address, 503 where control cannot be asked.
        """
        credential = credential_of(request)
        if credential is None:
            return None
        answer = await self._answer(credential, audience, client_address)
        if answer.is_address_refused:
            raise EnvelopeError("the key may not be used from this address", http_status=403)
        wanted = request.headers.get(USER_HEADER)
        if wanted is not None and answer.user_id is not None and wanted != str(answer.user_id):
            raise EnvelopeError(f"{USER_HEADER} is not the user who signed in", http_status=401)
        return answer.assertion

    async def _answer(
        self, credential: Credential, audience: str, client_address: str
    ) -> _Remembered:
        # What was said of a key holds for one address.
        place = f":{client_address}" if credential.kind == "key" else ""
        digest = hashlib.sha256(
            f"{credential.kind}{place}:{credential.value}".encode("utf-8", "surrogateescape")
        ).digest()
        remembered = self._answers.get((digest, audience))
        if remembered is not None and remembered.until > time.monotonic():
            return remembered
        shown = {"kind": credential.kind, "value": credential.value}
        try:
            answer = await self._control.call(
                "POST",
                "/internal/authenticate",
                {"credential": shown, "audience": audience, "client_address": client_address},
            )
        except InternalCallError as error:
            if error.status == web.HTTPBadRequest.status_code:  # such as a NUL in it
                return _Remembered(0.0, None, None)
            raise EnvelopeError("signing in is not possible right now", http_status=503) from None
        found = _Remembered(
            time.monotonic() + _REMEMBER_S,
            answer["assertion"],
            answer.get("user_id"),
            is_address_refused=answer.get("reason") == _WRONG_ADDRESS,
        )
        self._answers[digest, audience] = found
        self._answers.move_to_end((digest, audience))
        if len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)
        return found


def is_key_in_query(request: web.BaseRequest) -> bool:
    """Whether the request's path takes a key as `?key=`, which must not go further."""
    return request.path.rstrip("/") == KEY_IN_QUERY


def refresh_cookie(request: web.BaseRequest) -> str | None:
    """The Cookie header that goes on with the request; None for every call but that one."""
    if request.path != REFRESH_PATH:
        return None
    token = request.cookies.get(REFRESH_COOKIE, "")
    return f"{REFRESH_COOKIE}={token}" if _TOKEN.fullmatch(token) else None


def credential_of(request: web.BaseRequest) -> Credential | None:
    """What the caller showed: a session, a 32-character access token, or an API key.

    All of them are ASCII: anything else is none, and control need not be asked.
    """
    shown = _shown(request)
    return shown if shown is not None and shown.value.isascii() else None


def _shown(request: web.BaseRequest) -> Credential | None:
    # First: a page may send its own session with every call, and this one is about the key.
    if is_key_in_query(request) and (key := request.query.get("key")):
        return Credential("key", key)
    header = request.headers.get("Authorization", "")
    scheme, _, rest = header.partition(" ")
    value = (rest if scheme.lower() == "bearer" else header).strip()
    if not value:
        # A browser adds the cookie to a link on another site's page too (`SameSite=Lax`), and some
        # calls that only read by their method change something.
        is_led_here = request.headers.get(_FETCH_SITE) == _OTHER_SITE
        cookie = None if is_led_here else request.cookies.get(SESSION_COOKIE)
        return Credential("session", cookie) if cookie else None
    if value.startswith(_KEY_PREFIX) or len(value) == _KEY_CHARS:
        return Credential("key", value)
    kind = "access_token" if len(value) == _ACCESS_TOKEN_CHARS else "session"
    return Credential(kind, value)

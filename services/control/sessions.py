"""Logging in and out, and telling the relay who calls."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import asyncpg

from services.control.credentials import CredentialKind, Refusal, judge
from services.control.metrics import ControlMetrics, LoginResult
from services.control.passwords import Passwords
from services.control.secrets_made import hash_secret, new_session_token, strip_key_mark
from services.control.store_sessions import (
    find_access_token,
    find_key_owner,
    find_session,
    insert_session,
    revoke_session,
    revoke_sessions_of,
    touch_session,
)
from services.control.store_users import find_login, set_last_login
from shared.events.routing import Status
from shared.http.assertions import Caller
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection, in_transaction
from shared.service.clock import Clock

_REFUSED: Final = "wrong username or password"
_DISABLED: Final = "this user is disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A session that has just begun."""

    user: asyncpg.Record
    token: str
    expires_at: datetime


class Sessions:
    """The use cases of sessions; each owns its transaction."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        passwords: Passwords,
        metrics: ControlMetrics,
        idle: timedelta,
        lifetime: timedelta,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._passwords = passwords
        self._metrics = metrics
        self._idle = idle
        self._lifetime = lifetime
        self._clock = clock

    async def log_in(self, username: str, password: str) -> Login:
        """A new session. Raises EnvelopeError, with the same work for an unknown name."""
        row = await find_login(self._pool, username)
        kept_hash = None if row is None else row["password"]
        try:
            matches = await self._passwords.matches(kept_hash, password)
        except EnvelopeError:
            self._metrics.login(LoginResult.BUSY)
            raise
        if row is None or not matches:
            self._metrics.login(LoginResult.REFUSED)
            raise EnvelopeError(_REFUSED)
        if row["status"] != Status.ENABLED:
            self._metrics.login(LoginResult.DISABLED)
            raise EnvelopeError(_DISABLED)
        token = new_session_token()
        expires_at = await in_transaction(
            self._pool, partial(self._begin, user_id=row["id"], token=token)
        )
        self._metrics.login(LoginResult.SUCCEEDED)
        return Login(user=row, token=token, expires_at=expires_at)

    async def log_out(self, caller: Caller) -> None:
        """End the session that was shown; without one (an access token), all of the user's."""
        if caller.session_id is None:
            await revoke_sessions_of(self._pool, caller.user_id)
        else:
            await revoke_session(self._pool, caller.session_id)

    async def authenticate(self, kind: CredentialKind, value: str) -> Caller | Refusal:
        """Who shows this secret. Using a session keeps it from being idle."""
        now = self._clock()
        row = await self._find(kind, value)
        judged = judge(kind, row, now=now, idle=self._idle)
        if isinstance(judged, Caller) and judged.session_id is not None:
            await touch_session(self._pool, judged.session_id, now)
        result = judged.value if isinstance(judged, Refusal) else "accepted"
        self._metrics.authentication(kind.value, result)
        return judged

    async def _begin(self, connection: Connection, *, user_id: int, token: str) -> Any:
        row = await insert_session(
            connection, user_id=user_id, token_hash=hash_secret(token), lifetime=self._lifetime
        )
        await set_last_login(connection, user_id)
        return row["expires_at"]

    async def _find(self, kind: CredentialKind, value: str) -> asyncpg.Record | None:
        match kind:
            case CredentialKind.SESSION:
                return await find_session(self._pool, hash_secret(value))
            case CredentialKind.ACCESS_TOKEN:
                return await find_access_token(self._pool, hash_secret(value))
            case CredentialKind.KEY:
                return await find_key_owner(self._pool, hash_secret(strip_key_mark(value)))

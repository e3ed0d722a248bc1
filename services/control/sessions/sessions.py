"""Logging in and out, and telling the relay who calls."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import asyncpg

from services.control.client import Client
from services.control.metrics import ControlMetrics, LoginResult
from services.control.people.store_users import find_login, lock_login, read_user, set_last_login
from services.control.secrets_made import hash_secret, strip_key_mark
from services.control.sessions.credentials import CredentialKind, Refusal, judge
from services.control.sessions.login_guard import Attempt, LockedOutError, LoginGuard
from services.control.sessions.passwords import Passwords
from services.control.sessions.session_tokens import SessionTokens, TokenChain
from services.control.sessions.store_sessions import (
    find_access_token,
    find_key_owner,
    find_session,
    insert_session,
    touch_session,
)
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

    user: Any
    tokens: SessionTokens
    token_expires_at: datetime
    expires_at: datetime


class Sessions:
    """The use cases of sessions; each owns its transaction."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        passwords: Passwords,
        guard: LoginGuard,
        chain: TokenChain,
        metrics: ControlMetrics,
        token_lifetime: timedelta,
        lifetime: timedelta,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._passwords = passwords
        self._guard = guard
        self._chain = chain
        self._metrics = metrics
        self._token_lifetime = token_lifetime
        self._lifetime = lifetime
        self._clock = clock

    async def log_in(self, username: str, password: str, client: Client) -> Login:
        """A new session. Raises EnvelopeError, with the same work for an unknown name."""
        try:
            attempt = await self._guard.begin(username, client)
        except LockedOutError:
            self._metrics.login(LoginResult.LOCKED)
            raise
        row = await find_login(self._pool, username)
        if not await self._matches(attempt, row, password) or row is None:
            if await self._guard.fail(attempt, row):
                self._metrics.lockout()
            self._metrics.login(LoginResult.REFUSED)
            raise EnvelopeError(_REFUSED)
        login = await in_transaction(self._pool, partial(self._begin, row=row, attempt=attempt))
        if login is None:
            self._metrics.login(LoginResult.DISABLED)
            raise EnvelopeError(_DISABLED)
        self._metrics.login(LoginResult.SUCCEEDED)
        return login

    async def authenticate(
        self, kind: CredentialKind, value: str, *, client_address: str
    ) -> Caller | Refusal:
        """Who shows this secret, and may from there.

        That a session is used is noted once a minute.
        """
        now = self._clock()
        row = await self._find(kind, value)
        judged = judge(kind, row, now=now, client_address=client_address)
        if isinstance(judged, Caller) and judged.session_id is not None:
            await touch_session(self._pool, judged.session_id, now)
        result = judged.value if isinstance(judged, Refusal) else "accepted"
        self._metrics.authentication(kind.value, result)
        return judged

    async def _matches(self, attempt: Attempt, row: Any, password: str) -> bool:
        kept_hash = None if row is None else row["password"]
        try:
            return await self._passwords.matches(kept_hash, password)
        except EnvelopeError:  # too many wait: nobody has looked at it
            await self._guard.withdraw(attempt)
            self._metrics.login(LoginResult.BUSY)
            raise

    async def _begin(self, connection: Connection, *, row: Any, attempt: Attempt) -> Login | None:
        """None where the user is disabled."""
        # Read again under a lock: a session that begins while the password changes, or while the
        # user is disabled, would outlive both.
        locked = await lock_login(connection, row["id"])
        if locked is None or locked["password"] != row["password"]:
            raise EnvelopeError(_REFUSED)
        await self._guard.succeed(connection, attempt)
        if locked["status"] != Status.ENABLED:
            return None
        user_id = locked["id"]
        now = self._clock()
        tokens = self._chain.first()
        expires_at = now + self._lifetime
        token_expires_at = min(now + self._token_lifetime, expires_at)
        await insert_session(
            connection,
            user_id=user_id,
            tokens=tokens,
            client=attempt.client,
            now=now,
            token_expires_at=token_expires_at,
            expires_at=expires_at,
        )
        await set_last_login(connection, user_id, ip_address=attempt.client.address)
        return Login(
            user=await read_user(connection, user_id),
            tokens=tokens,
            token_expires_at=token_expires_at,
            expires_at=expires_at,
        )

    async def _find(self, kind: CredentialKind, value: str) -> asyncpg.Record | None:
        match kind:
            case CredentialKind.SESSION:
                return await find_session(self._pool, hash_secret(value))
            case CredentialKind.ACCESS_TOKEN:
                return await find_access_token(self._pool, hash_secret(value))
            case CredentialKind.KEY:
                return await find_key_owner(self._pool, hash_secret(strip_key_mark(value)))

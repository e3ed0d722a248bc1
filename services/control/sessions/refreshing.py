"""New tokens for a session, in exchange for its refresh token."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import asyncpg

from services.control.audit import Actor, record_action
from services.control.client import Client
from services.control.metrics import ControlMetrics
from services.control.secrets_made import hash_secret
from services.control.sessions.refresh_rules import RefreshResult, judge_refresh
from services.control.sessions.session_tokens import SessionTokens, TokenChain
from services.control.sessions.store_refresh import lock_session_of, rotate_session
from services.control.sessions.store_sessions import RevokedFor, revoke_session
from shared.events.directory import Role
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection, in_transaction
from shared.service.clock import Clock

_ENDED: Final = "the session has ended; sign in again"
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The tokens that are good from now on."""

    tokens: SessionTokens
    token_expires_at: datetime
    expires_at: datetime


class Refreshing:
    """The use case; owns its transaction."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        chain: TokenChain,
        metrics: ControlMetrics,
        token_lifetime: timedelta,
        grace: timedelta,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._chain = chain
        self._metrics = metrics
        self._token_lifetime = token_lifetime
        self._grace = grace
        self._clock = clock

    async def refresh(self, refresh_token: str, client: Client) -> Refreshed:
        """The next tokens; repeatable within the grace, with the same answer.

        Raises EnvelopeError 401 for every other token. One that was used before ends its session.
        """
        # Within the grace a lost commit may be asked for again: the answer is the same.
        result, refreshed = await in_transaction(
            self._pool,
            partial(self._exchange, refresh_token=refresh_token, client=client),
            idempotent=self._grace > timedelta(0),
        )
        self._metrics.refresh(result)
        if refreshed is None:
            raise EnvelopeError(_ENDED, http_status=_UNAUTHORIZED)
        return refreshed

    async def _exchange(
        self, connection: Connection, *, refresh_token: str, client: Client
    ) -> tuple[RefreshResult, Refreshed | None]:
        shown = hash_secret(refresh_token)
        tokens = self._chain.after(refresh_token)
        row = await lock_session_of(connection, shown)
        now = self._clock()
        result = judge_refresh(
            row, shown=shown, successor=hash_secret(tokens.refresh), now=now, grace=self._grace
        )
        if row is None:
            return result, None
        if result is RefreshResult.REUSED:
            await self._end(connection, row, client)
        if result is RefreshResult.REPEATED:
            return result, _refreshed(row, tokens, row["token_expires_at"])
        if result is not RefreshResult.ROTATED:
            return result, None
        token_expires_at = min(now + self._token_lifetime, row["expires_at"])
        await rotate_session(
            connection,
            row["id"],
            tokens,
            now=now,
            token_expires_at=token_expires_at,
            ip_address=client.address,
        )
        return result, _refreshed(row, tokens, token_expires_at)

    async def _end(self, connection: Connection, row: Any, client: Client) -> None:
        await revoke_session(connection, row["id"], RevokedFor.REFRESH_TOKEN_REUSED)
        # In the name of the user whose session it is: who showed the token is not known.
        actor = Actor(
            user_id=row["user_id"],
            name=row["username"],
            role=Role(row["role"]),
            workspace_id=row["workspace_id"],
            client_address=client.address,
            user_agent=client.user_agent,
        )
        changes = {"revoked_reason": RevokedFor.REFRESH_TOKEN_REUSED.value}
        await record_action(
            connection, actor, "session.revoke", resource_id=row["id"], changes=changes
        )


def _refreshed(row: Any, tokens: SessionTokens, token_expires_at: datetime) -> Refreshed:
    return Refreshed(tokens=tokens, token_expires_at=token_expires_at, expires_at=row["expires_at"])

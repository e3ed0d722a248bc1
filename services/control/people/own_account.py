"""What people do to their own account."""

from functools import partial
from typing import Any, Final

import asyncpg
import orjson

from services.control.audit import CHANGED, Actor, record_action
from services.control.client import Client
from services.control.errors import not_found
from services.control.metrics import ControlMetrics
from services.control.people.store_users import find_login, lock_login, lock_user, update_user
from services.control.secrets_made import hash_secret, new_access_token
from services.control.sessions.login_guard import Attempt, LoginGuard
from services.control.sessions.passwords import Passwords
from services.control.sessions.store_sessions import RevokedFor, revoke_sessions_of
from services.control.state.state import announce
from services.control.state.state_keys import DIRECTORY, user_key
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection, in_transaction

_OWN_BUSINESS: Final = frozenset({"preferences", "setting"})
_WRONG: Final = "the original password is wrong"


class OwnAccount:
    """The use cases; each owns its transaction."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        passwords: Passwords,
        guard: LoginGuard,
        metrics: ControlMetrics,
    ) -> None:
        self._pool = pool
        self._passwords = passwords
        self._guard = guard
        self._metrics = metrics

    async def change_profile(self, actor: Actor, changes: dict[str, Any]) -> None:
        """Set some of display_name, email, avatar_url, timezone, preferences and setting."""
        await in_transaction(self._pool, partial(_change_profile, actor=actor, changes=changes))

    async def change_password(
        self, actor: Actor, client: Client, *, original: str, password: str
    ) -> None:
        """A new password, for who knows the old one. Ends all sessions but the one that was shown.

        Raises EnvelopeError. A wrong `original` counts as a wrong login: else whoever has a
        session could guess without a limit.
        """
        attempt = await self._guard.begin(actor.name, client)
        row = await find_login(self._pool, actor.name)
        try:
            kept_hash = None if row is None else row["password"]
            is_right = await self._passwords.matches(kept_hash, original)
            new_hash = await self._passwords.hash(password) if is_right else ""
        except EnvelopeError:
            await self._guard.withdraw(attempt)
            raise
        if row is None or not is_right:
            if await self._guard.fail(attempt, row):
                self._metrics.lockout()
            raise EnvelopeError(_WRONG)
        await in_transaction(
            self._pool,
            partial(self._replace, actor=actor, attempt=attempt, row=row, new_hash=new_hash),
        )

    async def make_access_token(self, actor: Actor) -> str:
        """A new access token in place of the old one. It is shown here and never again."""
        token = new_access_token()
        await in_transaction(
            self._pool,
            partial(_set_access_token, actor=actor, token_hash=hash_secret(token)),
        )
        return token

    async def drop_access_token(self, actor: Actor) -> None:
        """No access token any more. Repeatable."""
        await in_transaction(self._pool, partial(_set_access_token, actor=actor, token_hash=None))

    async def _replace(
        self, connection: Connection, *, actor: Actor, attempt: Attempt, row: Any, new_hash: str
    ) -> None:
        locked = await lock_login(connection, actor.user_id)
        if locked is None or locked["password"] != row["password"]:
            raise EnvelopeError(_WRONG)
        await update_user(connection, actor.user_id, {"password": new_hash})
        await revoke_sessions_of(
            connection, actor.user_id, RevokedFor.PASSWORD_CHANGED, keeping=actor.session_id
        )
        await self._guard.succeed(connection, attempt)
        await record_action(
            connection,
            actor,
            "user.password",
            resource_id=actor.user_id,
            changes={"password": CHANGED},
        )


async def _change_profile(connection: Connection, *, actor: Actor, changes: dict[str, Any]) -> None:
    row = await lock_user(connection, actor.user_id)
    if row is None:
        raise not_found("user")
    columns = dict(changes)
    if "email" in changes and changes["email"] != row["email"]:
        columns["email_verified"] = False
    if "preferences" in changes:
        columns["preferences"] = orjson.dumps(changes["preferences"]).decode()
    told = {name: CHANGED if name in _OWN_BUSINESS else value for name, value in changes.items()}
    await update_user(connection, actor.user_id, columns)
    await announce(connection, DIRECTORY, [user_key(actor.user_id)])
    await record_action(connection, actor, "user.update", resource_id=actor.user_id, changes=told)


async def _set_access_token(
    connection: Connection, *, actor: Actor, token_hash: bytes | None
) -> None:
    await update_user(connection, actor.user_id, {"access_token_hash": token_hash})
    action = "user.access_token" if token_hash is not None else "user.access_token_delete"
    await record_action(
        connection, actor, action, resource_id=actor.user_id, changes={"access_token": CHANGED}
    )

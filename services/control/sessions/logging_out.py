"""Ending one's own sessions. Each function is one change, within the caller's transaction."""

from services.control.audit import Actor, record_action
from services.control.errors import not_found
from services.control.sessions.store_sessions import (
    RevokedFor,
    revoke_own_session,
    revoke_session,
    revoke_sessions_of,
)
from shared.postgres.retrying import Connection


async def log_out(connection: Connection, actor: Actor) -> None:
    """End the session that was shown; with an access token, which is none, all of the user's."""
    if actor.session_id is None:
        await revoke_sessions_of(connection, actor.user_id, RevokedFor.LOGOUT)
    else:
        await revoke_session(connection, actor.session_id, RevokedFor.LOGOUT)


async def log_out_everywhere(connection: Connection, actor: Actor) -> int:
    """End all sessions of the actor, the present one too; answers how many. Repeatable."""
    ended = await revoke_sessions_of(connection, actor.user_id, RevokedFor.LOGOUT_EVERYWHERE)
    await record_action(
        connection, actor, "user.logout_all", resource_id=actor.user_id, changes={"sessions": ended}
    )
    return ended


async def end_session(connection: Connection, actor: Actor, session_id: int) -> None:
    """End one of the actor's sessions."""
    if not await revoke_own_session(
        connection, session_id, user_id=actor.user_id, reason=RevokedFor.REVOKED_BY_USER
    ):
        raise not_found("session")
    await record_action(
        connection,
        actor,
        "session.revoke",
        resource_id=session_id,
        changes={"revoked_reason": RevokedFor.REVOKED_BY_USER.value},
    )

"""Whether a secret that was shown still says who calls. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from shared.events.directory import Role
from shared.events.routing import Status
from shared.http.addresses import is_allowed
from shared.http.assertions import Caller

Row: TypeAlias = Any
"""A mapping of column to value; asyncpg's records are not declared as one."""


class CredentialKind(StrEnum):
    """What was shown."""

    SESSION = "session"
    ACCESS_TOKEN = "access_token"  # noqa: S105 - a kind, not a secret
    KEY = "key"


class Refusal(StrEnum):
    """Why there is no assertion."""

    UNKNOWN = "unknown"
    ENDED = "ended"
    """The session's token has expired, or the session itself has ended."""
    DISABLED = "disabled"
    """The key or its user."""
    ADDRESS = "address"
    """The key may not be used from there."""


def judge(
    kind: CredentialKind, row: Row | None, *, now: datetime, client_address: str
) -> Caller | Refusal:
    """Who calls, by the row that the secret's hash was found in, and from where.

    An expired or exhausted key may still say who calls, to read its own rows; a disabled one not.
    """
    if row is None:
        return Refusal.UNKNOWN
    if kind is CredentialKind.SESSION and not _session_holds(row, now):
        return Refusal.ENDED
    is_key = kind is CredentialKind.KEY
    if row["user_status"] != Status.ENABLED or (is_key and row["key_status"] == Status.DISABLED):
        return Refusal.DISABLED
    if is_key and row["allow_ips"] and not is_allowed(client_address, tuple(row["allow_ips"])):
        return Refusal.ADDRESS
    return Caller(
        user_id=row["user_id"],
        username=row["username"],
        role=Role(row["role"]),
        workspace_id=row["workspace_id"],
        key_id=row["key_id"] if is_key else None,
        session_id=row["session_id"] if kind is CredentialKind.SESSION else None,
    )


def _session_holds(row: Row, now: datetime) -> bool:
    return row["revoked_at"] is None and now < row["token_expires_at"] <= row["expires_at"]

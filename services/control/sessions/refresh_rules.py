"""What a refresh token that was shown is worth. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from shared.events.routing import Status

Row: TypeAlias = Any
"""A mapping of column to value; asyncpg's records are not declared as one."""


class RefreshResult(StrEnum):
    """What to do about it; also the label of the metric."""

    ROTATED = "rotated"
    REPEATED = "repeated"
    """The present token's own predecessor, within the grace: the same answer once more."""
    REUSED = "reused"
    """An old token: two have it. The whole session ends."""
    ENDED = "ended"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


def judge_refresh(
    row: Row | None, *, shown: bytes, successor: bytes, now: datetime, grace: timedelta
) -> RefreshResult:
    """By the session that it belongs to, locked, and the hashes of the token and its successor."""
    if row is None:
        return RefreshResult.UNKNOWN
    if row["revoked_at"] is not None or now >= row["expires_at"]:
        return RefreshResult.ENDED
    if row["user_status"] != Status.ENABLED:
        return RefreshResult.DISABLED
    if row["refresh_token_hash"] == shown:
        return RefreshResult.ROTATED
    if row["refresh_token_hash"] == successor and now < row["refreshed_at"] + grace:
        return RefreshResult.REPEATED
    return RefreshResult.REUSED

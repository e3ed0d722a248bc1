"""From what relays say of a channel to what people see and what routing holds.

Within the caller's transaction, and idempotent: several controls read the same views, at any time
and in any order, and each change is made and told once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from services.control.audit import Actor, record_action
from services.control.channels.store_channels import credentials_of, read_channel
from services.control.channels.store_credentials import (
    Health,
    disable_refused,
    read_views,
    set_health,
    take_view,
)
from services.control.state.state import announce
from services.control.state.state_keys import ROUTING, channel_key
from shared.events.directory import Role
from shared.events.health import ChannelHealthChanged, HealthState
from shared.events.routing import Status
from shared.health.merging import Standing, merge
from shared.postgres.retrying import Connection

_TOO_OLD: Final = timedelta(days=30)
"""A relay that said nothing for so long is gone, and what it found has been dealt with."""


async def take_views(
    connection: Connection, channel_id: int, views: Sequence[ChannelHealthChanged], *, now: datetime
) -> None:
    """Take new views of one channel."""
    row = await read_channel(connection, channel_id, lock=True)
    if row is None:
        return
    reset_at = row["health_reset_at"]
    for view in views:
        is_void = reset_at is not None and view.changed_at <= reset_at
        if not is_void and now - view.changed_at < _TOO_OLD:
            await take_view(connection, view)
    standing = merge(await read_views(connection, channel_id), reset_at=reset_at, now=now)
    refused = [
        refusal
        for refusal in standing.refused.values()
        if await disable_refused(connection, channel_id, refusal)
    ]
    if refused:
        row = await read_channel(connection, channel_id)
        assert row is not None  # noqa: S101 - it is locked
        await announce(connection, ROUTING, [channel_key(channel_id)])
    health = _health(credentials_of(row), standing, before=_kept(row), now=now)
    if health == _kept(row) and not refused:
        return
    await set_health(connection, channel_id, health)
    if health.state != row["health_state"] or refused:
        told: dict[str, Any] = {"state": health.state.value, "reason": health.reason}
        for refusal in refused:
            told[f"credential.{refusal.credential_id}"] = refusal.reason.value
        if (actor := await _system(connection)) is not None:
            await record_action(
                connection, actor, "channel.health", resource_id=channel_id, changes=told
            )


def _health(
    credentials: list[dict[str, Any]], standing: Standing, *, before: Health, now: datetime
) -> Health:
    disabled = [c for c in credentials if c["disabled_by"] == "system"]
    if disabled and all(c["status"] != Status.ENABLED for c in credentials):
        last = max(disabled, key=lambda credential: str(credential["since"]))
        since = datetime.fromisoformat(last["since"])
        return Health(HealthState.DISABLED, last["reason"], since)
    if not standing.is_resting:
        is_same = before.state is HealthState.HEALTHY
        return Health(HealthState.HEALTHY, since=before.since if is_same else now)
    return Health(
        HealthState.RESTING,
        standing.reason.value if standing.reason else None,
        # A channel that keeps failing has been resting since it first was.
        before.since if before.state is HealthState.RESTING else standing.since,
        standing.rests_until,
        standing.consecutive_failures,
    )


def _kept(row: Any) -> Health:
    return Health(
        HealthState(row["health_state"]),
        row["health_reason"],
        row["health_since"],
        row["health_rests_until"],
        row["health_failures"],
    )


async def _system(connection: Connection) -> Actor | None:
    """Who acts where nobody does: under the root's id. None before there is a root."""
    root = await connection.fetchrow(
        "SELECT id, personal_workspace_id FROM users WHERE role = $1", int(Role.ROOT)
    )
    if root is None:
        return None
    return Actor(
        user_id=root["id"],
        name="system",
        role=Role.ROOT,
        workspace_id=root["personal_workspace_id"],
    )

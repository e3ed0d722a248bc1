"""SQL of channels' credentials, and of what relays say of channels."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import orjson

from shared.events.health import ChannelHealthChanged, CredentialHealth, HealthState
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO channel_credentials (channel_id, key_ciphertext, key_hint)
SELECT $1, sealed, hint FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS new (sealed, hint, n)
ORDER BY n
"""
_DISABLE: Final = """
UPDATE channel_credentials SET status = 2, disabled_by = $3, reason = $4, since = $5
WHERE channel_id = $1 AND id = $2 AND status = 1 RETURNING id
"""
_ENABLE: Final = """
UPDATE channel_credentials SET status = 1, disabled_by = NULL, reason = NULL, since = now()
WHERE channel_id = $1 AND id = $2
"""
_ENABLE_REFUSED: Final = """
UPDATE channel_credentials SET status = 1, disabled_by = NULL, reason = NULL, since = now()
WHERE channel_id = $1 AND disabled_by = 'system' AND id = coalesce($2, id)
"""
_TAKE_VIEW: Final = """
INSERT INTO channel_views AS known (channel_id, relay_id, changed_at, view)
VALUES ($1, $2, $3, $4)
ON CONFLICT (channel_id, relay_id) DO UPDATE
SET changed_at = excluded.changed_at, view = excluded.view
WHERE known.changed_at < excluded.changed_at
"""
_SET_HEALTH: Final = """
UPDATE channels SET health_state = $2, health_reason = $3, health_since = $4,
                    health_rests_until = $5, health_failures = $6
WHERE id = $1
"""
# Not now(): what relays found up to the moment of the lock is what the person speaks of.
_RESET: Final = """
UPDATE channels SET health_state = 'healthy', health_reason = NULL, health_since = NULL,
                    health_rests_until = NULL, health_failures = 0,
                    health_reset_at = clock_timestamp()
WHERE id = $1
"""


class Sealed(NamedTuple):
    """A key that may be kept."""

    ciphertext: str
    hint: str


class Health(NamedTuple):
    """What is kept of a channel's health, for people."""

    state: HealthState
    reason: str | None = None
    since: datetime | None = None
    rests_until: datetime | None = None
    failures: int = 0


async def insert_credentials(
    connection: Connection, channel_id: int, keys: Sequence[Sealed]
) -> None:
    """Further credentials of a channel, in order."""
    await connection.execute(
        _INSERT, channel_id, [key.ciphertext for key in keys], [key.hint for key in keys]
    )


async def delete_credential(connection: Connection, channel_id: int, credential_id: int) -> None:
    """Remove one."""
    query = "DELETE FROM channel_credentials WHERE channel_id = $1 AND id = $2"
    await connection.execute(query, channel_id, credential_id)


async def delete_credentials(connection: Connection, channel_id: int) -> None:
    """Remove all of a channel's."""
    await connection.execute("DELETE FROM channel_credentials WHERE channel_id = $1", channel_id)


async def enable_credential(connection: Connection, channel_id: int, credential_id: int) -> None:
    """Use it again."""
    await connection.execute(_ENABLE, channel_id, credential_id)


async def enable_refused_credentials(
    connection: Connection, channel_id: int, *, only: int | None = None
) -> None:
    """Use again what the system disabled, or `only` that; what a person did stays as it is."""
    await connection.execute(_ENABLE_REFUSED, channel_id, only)


async def disable_credential(
    connection: Connection, channel_id: int, credential_id: int, *, since: datetime
) -> bool:
    """A person's word; False where it was disabled already."""
    values = (channel_id, credential_id, "person", None, since)
    return await connection.fetchval(_DISABLE, *values) is not None


async def disable_refused(
    connection: Connection, channel_id: int, refusal: CredentialHealth
) -> bool:
    """The provider's word; False where it is disabled already, or is not the channel's."""
    values = (refusal.credential_id, "system", refusal.reason.value, refusal.since)
    return await connection.fetchval(_DISABLE, channel_id, *values) is not None


async def take_view(connection: Connection, view: ChannelHealthChanged) -> None:
    """Keep a relay's view, unless a newer one of the same relay is kept."""
    text = view.model_dump_json()
    await connection.execute(_TAKE_VIEW, view.channel_id, view.relay_id, view.changed_at, text)


async def read_views(connection: Connection, channel_id: int) -> list[ChannelHealthChanged]:
    """The newest view of each relay."""
    query = "SELECT view FROM channel_views WHERE channel_id = $1 ORDER BY relay_id"
    rows = await connection.fetch(query, channel_id)
    return [ChannelHealthChanged.model_validate(orjson.loads(row["view"])) for row in rows]


async def delete_view(connection: Connection, channel_id: int, relay_id: str) -> None:
    """A relay says nothing any more."""
    query = "DELETE FROM channel_views WHERE channel_id = $1 AND relay_id = $2"
    await connection.execute(query, channel_id, relay_id)


async def set_health(connection: Connection, channel_id: int, health: Health) -> None:
    """What people are shown."""
    await connection.execute(_SET_HEALTH, channel_id, *health)


async def reset_health(connection: Connection, channel_id: int) -> None:
    """Healthy, and from now on nothing counts that was found before."""
    await connection.execute(_RESET, channel_id)
    await connection.execute("DELETE FROM channel_views WHERE channel_id = $1", channel_id)

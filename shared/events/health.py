"""`relay.health`: how far each relay's journal is on the topic, and how channels do."""

from enum import StrEnum

from pydantic import Field

from shared.events.event import Event
from shared.events.numbers import Count, Id, Time
from shared.events.requests import ErrorCode
from shared.events.text import Code


class RelayMarked(Event):
    """A relay's journal mark. Its state, not a change: the newest one holds."""

    TYPE = "ledgerline.relay.marked.v1"

    relay_id: Code
    """One for each start of each relay process."""
    published_until: Time
    """Every event of this relay with `completed_at` before this is on the topic."""
    published_count: Count
    """Events of this relay that the broker acknowledged since its start."""
    closed: bool = False
    """The relay has ended and nothing of it is left to publish."""
    marked_at: Time


class HealthState(StrEnum):
    """How a channel, or one of its credentials, does."""

    HEALTHY = "healthy"
    RESTING = "resting"
    """It failed repeatedly: nothing is sent to it before `rests_until`, then one request."""
    DISABLED = "disabled"
    """It was refused for its credential or its credit. Only a person can bring it back."""


class CredentialHealth(Event):
    """A credential that the provider refused."""

    TYPE = "ledgerline.credential-health.v1"

    credential_id: Id
    reason: ErrorCode
    """`upstream_authentication` or `upstream_quota_exhausted`."""
    since: Time


class ChannelHealthChanged(Event):
    """How one relay finds one channel. Key `channel:<channel id>:<relay id>`."""

    TYPE = "ledgerline.channel.health_changed.v1"

    channel_id: Id
    relay_id: Code
    state: HealthState
    reason: ErrorCode | None = None
    """Of the last failure; null where it is healthy."""
    consecutive_failures: Count = 0
    rests_until: Time | None = None
    """From then on one request is let through, to see whether it is well again."""
    refused_credentials: tuple[CredentialHealth, ...] = Field(default=(), max_length=50)
    """Those that this relay found refused; the others of the channel go on."""
    changed_at: Time
    """What is older than the channel's `health_reset_at` no longer counts."""

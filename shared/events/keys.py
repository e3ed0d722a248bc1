"""`control.keys`: API keys by the SHA-256 of their secret. Key: the hash, in hex."""

from pydantic import Field

from shared.events.event import Event
from shared.events.limits import RequestLimits
from shared.events.numbers import Id, Time
from shared.events.routing import Status
from shared.events.text import Address, ModelName, Name


class KeyChanged(Event):
    """What the relay needs to admit a key's requests. The secret is not in it."""

    TYPE = "ledgerline.key.changed.v1"

    key_id: Id
    name: Name
    workspace_id: Id
    project_id: Id | None = None
    user_id: Id
    status: Status
    expires_at: Time | None = None
    """Null: never."""
    group: Name = ""
    """The group that its requests use; empty: the user's own."""
    allow_addresses: tuple[Address, ...] = Field(default=(), max_length=100)
    """Addresses and CIDR ranges; empty: any."""
    model_limits: tuple[ModelName, ...] | None = Field(default=None, max_length=1000)
    """The only models that it may use; null: any."""
    unlimited_quota: bool = True
    """Else its requests also need a lease of the subject `key:<key_id>`."""
    cross_group_retry: bool = False
    """Where no channel of its group answers, the user's other groups are tried, at their ratio."""
    limits: RequestLimits = RequestLimits()
    is_deleted: bool = False

"""`control.routing`: channels, models and groups, as the relay needs them."""

from enum import IntEnum
from typing import Annotated

from pydantic import Field

from shared.events.event import Event
from shared.events.limits import RequestLimits
from shared.events.numbers import Count, Id, Time, Tokens
from shared.events.text import Code, ModelName, Name, Secretless, Url


class Status(IntEnum):
    """As in the source's tables."""

    ENABLED = 1
    DISABLED = 2
    EXPIRED = 3
    EXHAUSTED = 4


class ChannelCredential(Event):
    """One of a channel's keys. They are used in turn, and each is disabled by itself."""

    TYPE = "ledgerline.channel-credential.v1"

    credential_id: Id
    key_ciphertext: Secretless
    """AES-GCM under the master key, bound to the channel's id; base64."""
    status: Status


class ChannelChanged(Event):
    """One address of a provider, with its credentials. Key `channel:<id>`."""

    TYPE = "ledgerline.channel.changed.v1"

    channel_id: Id
    name: Name
    provider: Name
    provider_id: Id | None = None
    dialect: Code = "openai"
    """`openai` or `anthropic`: only calls of this dialect are sent to it."""
    base_url: Url
    """Without a trailing slash; paths are appended after it, such as `/chat/completions`."""
    key_ciphertext: Secretless
    """That of the first enabled credential; where `credentials` is not empty, it has them all."""
    credentials: tuple[ChannelCredential, ...] = Field(default=(), max_length=50)
    models: tuple[ModelName, ...] = Field(max_length=1000)
    groups: tuple[Name, ...] = Field(max_length=100)
    model_mapping: dict[ModelName, ModelName] = Field(default_factory=dict, max_length=1000)
    """From the requested name to the provider's."""
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    """Higher is tried first."""
    weight: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    """Share among channels of the same priority; 0 is chosen only when no other is left."""
    health_reset_at: Time | None = None
    """What relays learnt of its health before this no longer counts: an admin's word is later."""
    proxy_url_ciphertext: Secretless | None = None
    """The outgoing proxy that it is called through, sealed like a key; None: called directly."""
    http2: bool = False
    """HTTP/2 is offered to it in the TLS handshake, and spoken where it agrees."""
    status: Status
    is_deleted: bool = False


class ModelChanged(Event):
    """A model that clients may name. Key `model:<name>`."""

    TYPE = "ledgerline.model.changed.v1"

    name: ModelName
    groups: tuple[Name, ...] = Field(max_length=100)
    """Which groups may use it."""
    status: Status
    owned_by: Name = "ledgerline"
    max_output_tokens: Tokens
    """The most that the model can answer: what a hold reckons with when the request names none."""
    max_media_tokens: Tokens = 0
    """The most input tokens that one image or audio clip can count; 0: takes no media."""
    created: Count = 0
    """Unix seconds, for `GET /v1/models`."""
    is_deleted: bool = False


class GroupChanged(Event):
    """A class of users or keys. Key `group:<name>`."""

    TYPE = "ledgerline.group.changed.v1"

    name: Name
    status: Status
    is_selectable: bool = False
    """Keys of users of any group may choose it; else only those of its own users and of admins."""
    limits: RequestLimits = RequestLimits()
    """Of the whole group together."""
    member_limits: RequestLimits = RequestLimits()
    """Of each workspace that uses it."""
    is_deleted: bool = False

"""`control.routing`: channels, models and groups, as the relay needs them."""

from enum import IntEnum
from typing import Annotated

from pydantic import Field

from shared.events.event import Event
from shared.events.numbers import Count, Id, Tokens
from shared.events.text import Code, ModelName, Name, Secretless, Url


class Status(IntEnum):
    """As in the source's tables."""

    ENABLED = 1
    DISABLED = 2
    EXPIRED = 3
    EXHAUSTED = 4


class ChannelChanged(Event):
    """One credential and address of a provider. Key `channel:<id>`."""

    TYPE = "ledgerline.channel.changed.v1"

    channel_id: Id
    name: Name
    provider: Name
    dialect: Code = "openai"
    base_url: Url
    """Without a trailing slash; paths are appended after it, such as `/chat/completions`."""
    key_ciphertext: Secretless
    """AES-GCM under the master key, bound to the channel's id; base64."""
    models: tuple[ModelName, ...] = Field(max_length=1000)
    groups: tuple[Name, ...] = Field(max_length=100)
    model_mapping: dict[ModelName, ModelName] = Field(default_factory=dict, max_length=1000)
    """From the requested name to the provider's."""
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    """Higher is tried first."""
    weight: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    """Share among channels of the same priority; 0 is chosen only when no other is left."""
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
    is_deleted: bool = False

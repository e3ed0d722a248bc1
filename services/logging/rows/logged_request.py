"""What logging reads of a `RequestCompleted`: the fields that a row shows, and no more.

Reading the whole event takes twice as long. Words of closed sets are read as words, so that a code
of a later release has a row too. A test holds these fields against the contract.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import Field

from shared.events.event import Event
from shared.events.numbers import Count, HttpStatus, Id, Milliseconds, QuotaUnits, Time, Tokens
from shared.events.requests import MAX_ATTEMPTS, Rating, RequestCompleted
from shared.events.text import Address, Code, Line, ModelName, Name
from shared.events.usage import Usage

_Ratio = Annotated[float, Field(ge=0, le=1_000_000)]
"""For people to read; what was charged is in the ledger."""

_Told: TypeAlias = dict[str, Any]
"""A part that a row repeats as it came. Not looked into, which would take a tenth of all reading:
the contract bounds it, and an event as a whole is at most 64 KiB."""


class LoggedUsage(Event):
    """The part of `Usage` that a row shows."""

    TYPE = Usage.TYPE

    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0
    cached_tokens: Tokens = 0
    cache_creation_tokens: Tokens = 0
    cache_creation_1h_tokens: Tokens = 0
    image_tokens: Tokens = 0
    audio_tokens: Tokens = 0
    reasoning_tokens: Tokens = 0
    prompt_includes_cached: bool = True
    output_audio_tokens: Tokens = 0
    output_image_tokens: Tokens = 0
    tool_calls: _Told = Field(default_factory=dict)
    service_tier: Code = ""


class LoggedRating(Event):
    """The part of `Rating` that a row shows."""

    TYPE = Rating.TYPE

    price_version: Count
    model_ratio: _Ratio
    completion_ratio: _Ratio
    cache_ratio: _Ratio
    cache_creation_ratio: _Ratio
    cache_creation_1h_ratio: _Ratio | None = None
    image_ratio: _Ratio
    audio_ratio: _Ratio
    group_ratio: _Ratio
    user_group_ratio: _Ratio | None = None
    model_price: _Ratio | None = None
    output_audio_ratio: _Ratio | None = None
    output_image_ratio: _Ratio | None = None
    tier_above_tokens: Tokens | None = None
    service_tier: Code = ""
    service_tier_ratio: _Ratio = 1.0
    tool_prices: _Told = Field(default_factory=dict)


class LoggedRequest(Event):
    """The part of `RequestCompleted` that a row shows."""

    TYPE = RequestCompleted.TYPE

    request_id: Code
    workspace_id: Id
    key_id: Id
    key_name: Name = ""
    user_id: Id
    username: Name = ""
    path: Line
    group: Name
    requested_model: ModelName | None = None
    upstream_model: ModelName | None = None
    is_model_mapped: bool = False
    channel_id: Id | None = None
    channel_name: Name | None = None
    provider: Name | None = None
    attempts: tuple[_Told, ...] = Field(default=(), max_length=MAX_ATTEMPTS)
    upstream_request_id: Line | None = None
    is_stream: bool = False
    outcome: Code
    error_code: Code | None = None
    http_status: HttpStatus
    client_disconnected: bool = False
    suppressed_count: Count = 0
    usage: LoggedUsage = LoggedUsage()
    usage_source: Code = "none"
    quota: QuotaUnits = 0
    hold_quota: QuotaUnits = 0
    rating: LoggedRating | None = None
    leases: tuple[_Told, ...] = Field(default=(), max_length=8)
    completed_at: Time
    latency_ms: Milliseconds
    first_byte_ms: Milliseconds | None = None
    limits: tuple[_Told, ...] = Field(default=(), max_length=8)
    client_address: Address = ""
    tags: dict[Code, Line] = Field(default_factory=dict, max_length=10)

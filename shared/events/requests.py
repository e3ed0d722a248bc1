"""`relay.requests`: one `RequestCompleted` for each request that the relay admitted or refused."""

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from shared.events.event import Event
from shared.events.limits import LimitUse
from shared.events.numbers import (
    ByteCount,
    Count,
    HttpStatus,
    Id,
    Milliseconds,
    QuotaUnits,
    Ratio,
    Time,
    Tokens,
)
from shared.events.text import Address, Code, Line, ModelName, Name
from shared.events.usage import Usage, UsageSource

MAX_ATTEMPTS = 16


class Outcome(StrEnum):
    """How a request ended. Exactly one for each."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    REJECTED = "rejected"


class ErrorCode(StrEnum):
    """Why a request or an attempt did not succeed: a closed set, never an upstream's own text."""

    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    BODY_TIMEOUT = "body_timeout"
    INVALID_API_KEY = "invalid_api_key"
    CONTROL_UNREACHABLE = "control_unreachable"
    KEY_DISABLED = "key_disabled"
    KEY_EXPIRED = "key_expired"
    KEY_EXHAUSTED = "key_exhausted"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_PRICE_NOT_SET = "model_price_not_set"
    INSUFFICIENT_QUOTA = "insufficient_user_quota"
    QUOTA_HELD = "quota_held"
    BUDGET_EXCEEDED = "budget_exceeded"
    LEASE_UNAVAILABLE = "lease_unavailable"
    JOURNAL_FULL = "journal_full"
    NO_CHANNEL = "no_channel"
    RATE_LIMITED = "rate_limited"
    LIMITER_UNAVAILABLE = "limiter_unavailable"
    SHUTTING_DOWN = "shutting_down"
    UPSTREAM_CONNECTION = "upstream_connection"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_RATE_LIMITED = "upstream_rate_limited"
    UPSTREAM_AUTHENTICATION = "upstream_authentication"
    UPSTREAM_QUOTA_EXHAUSTED = "upstream_quota_exhausted"
    UPSTREAM_QUOTA_SHORT = "upstream_quota_short"
    UPSTREAM_CLIENT_ERROR = "upstream_client_error"
    UPSTREAM_SERVER_ERROR = "upstream_server_error"
    UPSTREAM_MALFORMED = "upstream_malformed"
    UPSTREAM_CUT = "upstream_cut"
    ANSWER_TOO_LARGE = "answer_too_large"
    RELAY_DIED = "relay_died"
    INTERNAL = "internal"


class Attempt(Event):
    """One try at one channel."""

    TYPE = "ledgerline.attempt.v1"

    channel_id: Id
    channel_name: Name
    provider: Name
    provider_id: Id | None = None
    credential_id: Id | None = None
    """Which of the channel's credentials was used."""
    upstream_model: ModelName
    offset_ms: Milliseconds
    """From the start of the request to the start of this attempt."""
    latency_ms: Milliseconds
    http_status: HttpStatus | None = None
    """What the upstream answered; null where it did not."""
    error_code: ErrorCode | None = None


class LeaseUse(Event):
    """A lease that this request was admitted from. The whole quota counts against each.

    But nothing counts against the budget of a provider that did not serve it.
    """

    TYPE = "ledgerline.lease-use.v1"

    lease_id: Code
    subject: Code
    """`account:<workspace_id>`, `key:<key_id>` or `budget:<budget_id>`."""


class Rating(Event):
    """The figures that a quota was reckoned with, so that anyone can reckon it again."""

    TYPE = "ledgerline.rating.v1"

    price_version: Count
    """The price book's version at the start of the request."""
    model_ratio: Ratio
    """1 is $2 for a million input tokens."""
    completion_ratio: Ratio
    cache_ratio: Ratio
    cache_creation_ratio: Ratio
    cache_creation_1h_ratio: Ratio | None = None
    """Null: as `cache_creation_ratio`."""
    image_ratio: Ratio
    audio_ratio: Ratio
    group_ratio: Ratio
    user_group_ratio: Ratio | None = None
    """Set where the ratio is the one for (the user's group, the group in use)."""
    model_price: Ratio | None = None
    """Dollars a call, for a model priced per call; the ratios are then unused."""
    output_audio_ratio: Ratio | None = None
    """Null: as `completion_ratio`."""
    output_image_ratio: Ratio | None = None
    """Null: as `completion_ratio`."""
    tier_above_tokens: Tokens | None = None
    """The context tier whose ratios these are; null: the price's own."""
    service_tier: Code = ""
    """The tier of service that was charged."""
    service_tier_ratio: Ratio = Decimal(1)
    """What the tokens' cost was multiplied by for it."""
    tool_prices: dict[Code, Ratio] = Field(default_factory=dict, max_length=16)
    """Dollars for 1,000 calls, by the provider's tool."""


class RequestCompleted(Event):
    """One request, whole: who asked, what was served, what it used, what it costs."""

    TYPE = "ledgerline.request.completed.v1"

    request_id: Code
    """Ours, a UUIDv7; also the event's `ce_id`. The same id twice is the same request."""

    workspace_id: Id
    workspace_name: Name = ""
    project_id: Id | None = None
    project_name: Name | None = None
    key_id: Id
    key_name: Name = ""
    user_id: Id
    username: Name = ""

    dialect: Code
    method: Code
    path: Line
    """The route's path, without a query."""
    query_parameters: tuple[Code, ...] = Field(default=(), max_length=16)
    """The names of known query parameters; never their values."""
    group: Name
    """The group in use: it decides the ratio."""
    user_group: Name = ""
    requested_model: ModelName | None = None
    """Null where the model is not a configured one: what a client made up is not kept."""
    upstream_model: ModelName | None = None
    is_model_mapped: bool = False
    channel_id: Id | None = None
    """Of the attempt that was passed on; null where there was none."""
    channel_name: Name | None = None
    provider: Name | None = None
    provider_id: Id | None = None
    attempts: tuple[Attempt, ...] = Field(default=(), max_length=MAX_ATTEMPTS)
    upstream_request_id: Line | None = None

    is_stream: bool = False
    outcome: Outcome
    error_code: ErrorCode | None = None
    http_status: HttpStatus
    """What the client was answered; 499 where it was gone before the answer."""
    client_disconnected: bool = False
    """The client left before its last byte; it is charged what the upstream did all the same."""
    suppressed_count: Count = 0
    """Refusals of the same key since the last event that were counted and not published."""

    usage: Usage = Usage()
    usage_source: UsageSource = UsageSource.NONE
    quota: QuotaUnits = 0
    """The charge. 500,000 is $1, see `quota_per_unit`."""
    quota_per_unit: Count = 500_000
    hold_quota: QuotaUnits = 0
    """The upper bound that was set aside when the request was admitted."""
    rating: Rating | None = None
    leases: tuple[LeaseUse, ...] = Field(default=(), max_length=8)

    request_bytes: ByteCount = 0
    response_bytes: ByteCount = 0
    """Body bytes that were handed to the client's connection."""
    started_at: Time
    first_byte_at: Time | None = None
    completed_at: Time
    """The one time that decides every bucket."""
    latency_ms: Milliseconds
    first_byte_ms: Milliseconds | None = None
    upstream_latency_ms: Milliseconds | None = None
    """The part of `latency_ms` in which an upstream had the request."""

    cache_hit: bool | None = None
    cache_key: Code | None = None
    rate_limited: bool | None = None
    rate_limit_remaining: Count | None = None
    rate_limit_reset_at: Time | None = None
    limits: tuple[LimitUse, ...] = Field(default=(), max_length=8)
    """Every limit that was looked at, the one that refused last. The three fields above repeat the
    one with the least remaining."""

    client_address: Address = ""
    user_agent: Line = ""
    tags: dict[Code, Line] = Field(default_factory=dict, max_length=10)
    parent_span_id: Code | None = None
    """The client's own span, from its `traceparent`; null where it sent none."""
    origin: Line = ""
    """`scheme://host[:port]` of the page that called, where a browser named one; else empty."""
    request_host: Line = ""
    """The host that the client called us by, perhaps with its port; empty where it named none."""
    client_retry_count: Count | None = None
    """How often the client's library had tried before; null where it does not say."""
    fitted: tuple[Code, ...] = Field(default=(), max_length=32)
    """Fields whose value had to be cut or changed to fit its type."""

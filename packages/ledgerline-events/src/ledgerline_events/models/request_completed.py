"""`ledgerline.request.completed.v1`, as its JSON Schema has it.

Made by `python -P -m operations.events_package`; do not edit.
"""

from pydantic import AwareDatetime, Field
from ledgerline_events.model import Model
from decimal import Decimal


class LeaseUse(Model):
    """
    A lease that this request was admitted from. The whole quota counts against each.

    But nothing counts against the budget of a provider that did not serve it.
    """

    lease_id: str
    subject: str
    """`account:<workspace_id>`, `key:<key_id>` or `budget:<budget_id>`."""


class LimitUse(Model):
    """How a limit stood after it let a request through, or as it refused it."""

    limit: str
    """`key:requests`, `group:tokens`, `workspace:<limit id>`, `key:concurrent` and so on."""
    allowed: int
    remaining: int
    reset_at: AwareDatetime | None = None
    """When it is back to all of `allowed` if nothing more comes."""


class Rating(Model):
    """The figures that a quota was reckoned with, so that anyone can reckon it again."""

    price_version: int
    """The price book's version at the start of the request."""
    model_ratio: Decimal
    """1 is $2 for a million input tokens."""
    completion_ratio: Decimal
    cache_ratio: Decimal
    cache_creation_ratio: Decimal
    cache_creation_1h_ratio: Decimal | None = None
    """Null: as `cache_creation_ratio`."""
    image_ratio: Decimal
    audio_ratio: Decimal
    group_ratio: Decimal
    user_group_ratio: Decimal | None = None
    """Set where the ratio is the one for (the user's group, the group in use)."""
    model_price: Decimal | None = None
    """Dollars a call, for a model priced per call; the ratios are then unused."""
    output_audio_ratio: Decimal | None = None
    """Null: as `completion_ratio`."""
    output_image_ratio: Decimal | None = None
    """Null: as `completion_ratio`."""
    tier_above_tokens: int | None = None
    """The context tier whose ratios these are; null: the price's own."""
    service_tier: str = ""
    """The tier of service that was charged."""
    service_tier_ratio: Decimal = Decimal("1")
    """What the tokens' cost was multiplied by for it."""
    tool_prices: dict[str, Decimal] = {}
    """Dollars for 1,000 calls, by the provider's tool."""


class Usage(Model):
    """Tokens by kind, as the provider counts them. 0 is none."""

    prompt_tokens: int = 0
    """All of the input. Whether cached tokens are among them, `prompt_includes_cached` says."""
    completion_tokens: int = 0
    """All of the output, reasoning included."""
    cached_tokens: int = 0
    """Input read from the provider's cache."""
    cache_creation_tokens: int = 0
    """Input written to the provider's cache."""
    cache_creation_1h_tokens: int = 0
    """The part of `cache_creation_tokens` that is kept for an hour; the rest for five minutes."""
    image_tokens: int = 0
    """Input images, where they are priced apart."""
    audio_tokens: int = 0
    """Input audio, where it is priced apart."""
    reasoning_tokens: int = 0
    """The part of the output that was reasoning."""
    prompt_includes_cached: bool = True
    """OpenAI's counts include the cached tokens, Anthropic's leave them out."""
    output_audio_tokens: int = 0
    """The part of the output that was audio, where it is priced apart."""
    output_image_tokens: int = 0
    """The part of the output that was images, where they are priced apart."""
    tool_calls: dict[str, int] = {}
    """How often the provider ran each of its own tools, such as `web_search`."""
    service_tier: str = ""
    """
    The tier of service that the provider says it served with; empty: the ordinary one, or it
    did not say.
    """


class Attempt(Model):
    """One try at one channel."""

    channel_id: int
    channel_name: str
    provider: str
    provider_id: int | None = None
    credential_id: int | None = None
    """Which of the channel's credentials was used."""
    upstream_model: str
    offset_ms: int
    """From the start of the request to the start of this attempt."""
    latency_ms: int
    http_status: int | None = None
    """What the upstream answered; null where it did not."""
    error_code: str | None = None


class RequestCompleted(Model):
    """One request, whole: who asked, what was served, what it used, what it costs."""

    request_id: str
    """Ours, a UUIDv7; also the event's `ce_id`. The same id twice is the same request."""
    workspace_id: int
    workspace_name: str = ""
    project_id: int | None = None
    project_name: str | None = None
    key_id: int
    key_name: str = ""
    user_id: int
    username: str = ""
    dialect: str
    method: str
    path: str
    """The route's path, without a query."""
    query_parameters: list[str] = []
    """The names of known query parameters; never their values."""
    group: str
    """The group in use: it decides the ratio."""
    user_group: str = ""
    requested_model: str | None = None
    """Null where the model is not a configured one: what a client made up is not kept."""
    upstream_model: str | None = None
    is_model_mapped: bool = False
    channel_id: int | None = None
    """Of the attempt that was passed on; null where there was none."""
    channel_name: str | None = None
    provider: str | None = None
    provider_id: int | None = None
    attempts: list[Attempt] = Field([], validate_default=True)
    upstream_request_id: str | None = None
    is_stream: bool = False
    outcome: str
    """How a request ended. Exactly one for each. So far: `succeeded`, `failed`, `interrupted`, `rejected`."""
    error_code: str | None = None
    http_status: int
    """What the client was answered; 499 where it was gone before the answer."""
    client_disconnected: bool = False
    """The client left before its last byte; it is charged what the upstream did all the same."""
    suppressed_count: int = 0
    """Refusals of the same key since the last event that were counted and not published."""
    usage: Usage = Field(
        {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "cached_tokens": 0,
            "cache_creation_tokens": 0,
            "cache_creation_1h_tokens": 0,
            "image_tokens": 0,
            "audio_tokens": 0,
            "reasoning_tokens": 0,
            "prompt_includes_cached": True,
            "output_audio_tokens": 0,
            "output_image_tokens": 0,
            "tool_calls": {},
            "service_tier": "",
        },
        validate_default=True,
    )
    usage_source: str = "none"
    """Where the figures come from. So far: `provider`, `estimated`, `none`."""
    quota: int = 0
    """The charge. 500,000 is $1, see `quota_per_unit`."""
    quota_per_unit: int = 500000
    hold_quota: int = 0
    """The upper bound that was set aside when the request was admitted."""
    rating: Rating | None = None
    leases: list[LeaseUse] = Field([], validate_default=True)
    request_bytes: int = 0
    response_bytes: int = 0
    """Body bytes that were handed to the client's connection."""
    started_at: AwareDatetime
    first_byte_at: AwareDatetime | None = None
    completed_at: AwareDatetime
    """The one time that decides every bucket."""
    latency_ms: int
    first_byte_ms: int | None = None
    upstream_latency_ms: int | None = None
    """The part of `latency_ms` in which an upstream had the request."""
    cache_hit: bool | None = None
    cache_key: str | None = None
    rate_limited: bool | None = None
    rate_limit_remaining: int | None = None
    rate_limit_reset_at: AwareDatetime | None = None
    limits: list[LimitUse] = Field([], validate_default=True)
    """
    Every limit that was looked at, the one that refused last. The three fields above repeat the
    one with the least remaining.
    """
    client_address: str = ""
    user_agent: str = ""
    tags: dict[str, str] = {}
    parent_span_id: str | None = None
    """The client's own span, from its `traceparent`; null where it sent none."""
    origin: str = ""
    """`scheme://host[:port]` of the page that called, where a browser named one; else empty."""
    request_host: str = ""
    """The host that the client called us by, perhaps with its port; empty where it named none."""
    client_retry_count: int | None = None
    """How often the client's library had tried before; null where it does not say."""
    fitted: list[str] = []
    """Fields whose value had to be cut or changed to fit its type."""

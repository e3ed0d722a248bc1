"""Limits of requests and tokens, as control keeps them and the relay applies them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.events.event import Event
from shared.events.numbers import Count, Id, Milliseconds, Ratio, Time
from shared.events.text import Code, Name


class RateLimitStrategy(StrEnum):
    """How a limit counts, as in the source's enumeration. The rules: `services/relay/limits`."""

    SLIDING_WINDOW = "SLIDING_WINDOW"
    FIXED_WINDOW = "FIXED_WINDOW"
    TOKEN_BUCKET = "TOKEN_BUCKET"  # noqa: S105 - a strategy, not a secret
    LEAKY_BUCKET = "LEAKY_BUCKET"


class RequestLimits(Event):
    """What a key or a group may do at a time. Null: no such limit; 0: nothing at all."""

    TYPE = "ledgerline.request-limits.v1"

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    """Input and output together. Until it has ended a request counts an estimate of its input and
    its whole `max_tokens`, or a usual figure where it names none; from then on what it used."""
    concurrent_requests: Count | None = None
    strategy: RateLimitStrategy = RateLimitStrategy.SLIDING_WINDOW
    """How the two per minute count."""
    bucket_size: Count | None = None
    """Requests that a bucket holds; null: a minute's worth. The bucket of tokens is in proportion.
    Of the bucket strategies only."""


class LimitChanged(Event):
    """A workspace's rule for some of its calls: a row of `rate_limits`. Key `limit:<id>`."""

    TYPE = "ledgerline.limit.changed.v1"

    limit_id: Id
    workspace_id: Id
    name: Name
    path_pattern: Name = "*"
    """A path in which `*` stands for anything; of the public route, such as `/v1/embeddings`."""
    method: Name = "*"
    """An HTTP method, or `*`."""
    requests: Count
    """How many in a window."""
    window_ms: Milliseconds = Field(ge=1)
    strategy: RateLimitStrategy
    bucket_size: Count | None = None
    """What a bucket holds; null: `requests`."""
    refill_rate: Ratio | None = None
    """Requests a second that come back into a token bucket; null: `requests` a window."""
    slope: Ratio | None = None
    """Requests a second that run out of a leaky bucket; null: `requests` a window."""
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    """All rules that fit are applied; the highest priority is looked at, and named, first."""
    is_active: bool = True
    is_deleted: bool = False


class LimitUse(Event):
    """How a limit stood after it let a request through, or as it refused it."""

    TYPE = "ledgerline.limit-use.v1"

    limit: Code
    """`key:requests`, `group:tokens`, `workspace:<limit id>`, `key:concurrent` and so on."""
    allowed: Count
    remaining: Count
    reset_at: Time | None = None
    """When it is back to all of `allowed` if nothing more comes."""

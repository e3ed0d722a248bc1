"""What a limit is, what a request asks of it, and what it answers. Values only."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENT = "concurrent"


class Scope(StrEnum):
    """Whose requests are counted together."""

    WORKSPACE = "workspace"
    """Those of a workspace that fit one of its rules."""
    KEY = "key"
    MEMBER = "member"
    """Those of a workspace, in a group."""
    GROUP = "group"


class Counting(StrEnum):
    """How use is forgotten again. The bucket strategies are one rule with two pairs of figures."""

    SLIDING = "sliding"
    FIXED = "fixed"
    BUCKET = "bucket"
    NONE = "none"
    """Nothing but what is held at the moment."""


class Limit(NamedTuple):
    """At most `capacity` at a time, of which use is forgotten as `counting` says."""

    name: str
    """In events: `key:requests`, `workspace:<limit id>`."""
    subject: str
    """What is counted under one name by all relays: `key:17:requests:sliding:60000`."""
    scope: Scope
    kind: Kind
    counting: Counting
    capacity: int
    window_ms: int = 0
    """Of the windows, and what the figures of a bucket are told for."""
    rate: float = 0.0
    """What runs out of a bucket each millisecond."""


class Demand(NamedTuple):
    """What a request asks of one limit: either is 0."""

    limit: Limit
    use: int
    """Counts from now on: 1 request."""
    hold: int
    """Counts until the request has ended: 1 place, or the tokens that it may use."""


class Decision(NamedTuple):
    """How a limit stands once it has let a request through, or as it refuses it."""

    is_allowed: bool
    remaining: int
    reset_at_ms: int | None
    """When all use is forgotten if nothing more comes; null: nothing is counted."""
    retry_at_ms: int | None = None
    """Of a refusal: when the same demand may be allowed; null: never, it is more than fits."""


Stood = tuple[Limit, Decision]
"""A limit, and how it stood after it decided."""


class Decided(NamedTuple):
    """What all limits of a request said, at one moment of the clock that they go by."""

    now_ms: int
    decisions: tuple[Decision, ...]
    """One for each demand, in order."""

    @property
    def is_allowed(self) -> bool:
        """Whether it may go on: all of them let it through, or nothing was taken of any."""
        return all(decision.is_allowed for decision in self.decisions)


class Held(NamedTuple):
    """What a request in flight holds of one limit."""

    limit: Limit
    amount: int


def used_by(limit: Limit, used_tokens: int) -> int:
    """What a request that has ended used of a limit that it held of."""
    return used_tokens if limit.kind is Kind.TOKENS else 0

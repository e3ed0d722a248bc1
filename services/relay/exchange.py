"""One request on its way through the relay: what is known so far, and nothing that was said."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from services.relay.authentication import ApiCaller
from services.relay.books.prices import GroupRatioInForce, PriceInForce
from services.relay.books.routing import Channel
from services.relay.dialects.dialect import RequestFacts
from services.relay.holds import Hold
from services.relay.limits.taken import UNLIMITED, Taken
from shared.events.requests import Attempt, ErrorCode, Outcome
from shared.events.usage import Usage, UsageSource
from shared.telemetry.traces import TraceContext


class Arrival(NamedTuple):
    """What is known of a request before it is read."""

    request_id: str
    id_bytes: bytes
    trace: TraceContext
    started_at: datetime
    started: float
    """`time.perf_counter()` at its arrival."""
    method: str
    path: str
    query_parameters: tuple[str, ...]
    client_address: str
    user_agent: str
    fitted: tuple[str, ...]

    def elapsed_ms(self) -> int:
        """Whole milliseconds since the arrival."""
        return int((time.perf_counter() - self.started) * 1000)


@dataclass(slots=True, kw_only=True)
class Exchange:
    """An admitted request. `complete` in `completion.py` makes its one event from it."""

    arrival: Arrival
    caller: ApiCaller
    facts: RequestFacts
    price: PriceInForce
    group_ratios: Mapping[str, GroupRatioInForce]
    """The groups in which it may be tried, in order, and what each costs."""
    group_ratio: GroupRatioInForce
    """That of the group in use."""
    holds: tuple[Hold, ...]
    taken: Taken = UNLIMITED
    """Of its limits."""
    base: dict[str, Any]
    """The event's fields that were known at admission; also what the journal keeps of it."""
    forwarded: tuple[tuple[str, str], ...] = ()
    """The client's headers that go on to the provider."""
    attempts: list[Attempt] = field(default_factory=list)
    channel: Channel | None = None
    """The one whose answer is passed on."""
    upstream_request_id: str | None = None
    upstream_s: float = 0.0
    """The time in which an upstream had the request, failed attempts included."""
    first_byte_at: datetime | None = None
    first_byte_ms: int | None = None
    response_bytes: int = 0
    content_bytes: int = 0
    """Bytes of the answer's own text, to estimate by."""
    likely_media_tokens: int = 0
    """Input tokens of its media, to estimate by."""
    usage: Usage | None = None
    told_input: Usage | None = None
    """The input side of a stream whose output side was never told."""
    client_disconnected: bool = False
    is_completed: bool = False
    ended: Callable[[ErrorCode | None], None] | None = None
    """Where an answer is passed on: to be told how it ended, for the channel's health."""

    def use_group(self, group: str) -> None:
        """From here on it is tried in `group`, and costs what it costs there."""
        self.group_ratio = self.group_ratios[group]
        self.base["group"] = group


class Ending(NamedTuple):
    """How a request ended."""

    outcome: Outcome
    http_status: int
    error_code: ErrorCode | None = None


class Charge(NamedTuple):
    """What a request is charged, and by which figures."""

    quota_units: int
    usage: Usage
    source: UsageSource

"""One request on its way through the relay: what is known so far, and nothing that was said."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from services.relay.admission import Terms
from services.relay.books.routing import Channel
from services.relay.callers.caller import ApiCaller
from services.relay.dialects.dialect import RequestFacts
from services.relay.group_terms import GroupTerms
from services.relay.leases.holds import Hold
from services.relay.limits.taken import UNLIMITED, Taken
from shared.events.requests import ErrorCode, Outcome
from shared.events.usage import Usage, UsageSource


@dataclass(slots=True, eq=False)
class Arrival:
    """What is known of a request before it is read."""

    request_id: str
    id_bytes: bytes
    trace_id: str
    traceparent: str
    """Our span's, to send on."""
    started_at: datetime
    started: float
    """`time.perf_counter()` at its arrival."""
    method: str
    path: str
    query_parameters: tuple[str, ...]
    client_address: str
    user_agent: str
    fitted: tuple[str, ...]
    parent_span_id: str | None = None
    origin: str = ""
    request_host: str = ""
    client_retry_count: int | None = None

    def elapsed_ms(self) -> int:
        """Whole milliseconds since the arrival."""
        return int((time.perf_counter() - self.started) * 1000)


class AttemptMade(NamedTuple):
    """One try at one channel."""

    channel: Channel
    credential_id: int
    """0: the one credential of a channel that names none."""
    upstream_model: str
    offset_ms: int
    latency_ms: int
    http_status: int | None
    error_code: ErrorCode | None


@dataclass(slots=True, eq=False)
class Exchange:
    """An admitted request. `recording/completion.py` makes its one event from it."""

    arrival: Arrival
    caller: ApiCaller
    facts: RequestFacts
    terms: Terms
    holds: tuple[Hold, ...]
    opening: str
    """The event's members that were known at admission; also what the journal keeps of it."""
    group_terms: GroupTerms
    """What it costs in the group in use."""
    taken: Taken = UNLIMITED
    """Of its limits."""
    forwarded: tuple[tuple[str, str], ...] = ()
    """The client's headers that go on to the provider."""
    attempts: list[AttemptMade] = field(default_factory=list)
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
    usage: Usage | None = None
    told_input: Usage | None = None
    """The input side of a stream whose output side was never told."""
    client_disconnected: bool = False
    is_completed: bool = False
    ended: Callable[[ErrorCode | None], None] | None = None
    """Where an answer is passed on: to be told how it ended, for the channel's health."""

    def use_group(self, group: str) -> None:
        """From here on it is tried in `group`, and costs what it costs there."""
        self.group_terms = self.terms.offer.groups[group]

    def used_of(self, hold: Hold, quota_units: int) -> int:
        """What of its charge counts against one of its holds."""
        if hold.provider_id is None:
            return quota_units
        served = self.channel is not None and self.channel.provider_id == hold.provider_id
        return quota_units if served else 0

    def closed_providers(self) -> set[int]:
        """Those whose budget had no room for it: they may not serve it."""
        if self.terms.hold_units == 0:
            return set()
        held = {hold.lease.subject for hold in self.holds}
        return {
            budget.provider_id
            for budget in self.terms.offer.budgets
            if budget.provider_id is not None and budget.subject not in held
        }


class Ending(NamedTuple):
    """How a request ended."""

    outcome: Outcome
    http_status: int
    error_code: ErrorCode | None = None


_OK: Final = 200
ANSWERED: Final = Ending(Outcome.SUCCEEDED, _OK)
"""The whole answer."""


def broken_off(code: ErrorCode) -> Ending:
    """An answer that had begun, or seemed to, and did not come to its end."""
    return Ending(Outcome.FAILED, _OK, code)


class Charge(NamedTuple):
    """What a request is charged, and by which figures."""

    quota_units: int
    usage: Usage
    source: UsageSource
    rating_json: str
    """The ratios that it was reckoned with, for an event."""

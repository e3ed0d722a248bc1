"""Limits to test with."""

from services.relay.admission import Terms
from services.relay.limits.limit import Counting, Demand, Kind, Limit, Scope
from tests.unit.relay.made import offer

WINDOW_MS = 60_000
START_MS = 1_800_000_000_000 - 1_800_000_000_000 % WINDOW_MS
"""A whole minute."""


def limit(
    counting: Counting,
    capacity: int,
    *,
    kind: Kind = Kind.REQUESTS,
    window_ms: int = WINDOW_MS,
    rate: float | None = None,
    subject: str = "key:1",
) -> Limit:
    return Limit(
        name=f"key:{kind}",
        subject=f"{subject}:{kind}:{counting}:{window_ms}",
        scope=Scope.KEY,
        kind=kind,
        counting=counting,
        capacity=capacity,
        window_ms=window_ms,
        rate=capacity / window_ms if rate is None else rate,
    )


def one(of: Limit) -> Demand:
    """A request against a limit of requests."""
    return Demand(of, 1, 0)


def place(capacity: int) -> Limit:
    """A limit of concurrent requests."""
    return limit(Counting.NONE, capacity, kind=Kind.CONCURRENT, window_ms=0, rate=0.0)


TERMS = Terms(
    offer=offer(max_media_tokens=1_000), prompt_tokens=0, output_tokens=16_384, hold_units=0
)
"""Of a model with 16,384 tokens of output at the most."""

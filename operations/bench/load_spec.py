"""What a load generator is told, and what it answers; JSON on its way in and out."""

from dataclasses import dataclass, field
from typing import Final

MACHINE: Final = "machine"


@dataclass(frozen=True, kw_only=True)
class LoadSpec:
    """One measurement.

    Closed loop: each connection sends its next request when the answer before is whole. With
    `rate_per_s` open loop: requests come at random (Poisson) times whether or not others are done.
    """

    port: int
    key: str = field(repr=False)
    connections: int
    duration_s: float
    warm_up_s: float = 0.5
    stream: bool = False
    events_per_s: float | None = None
    """Of each stream; None is as fast as the upstream can."""
    spread_s: float = 0.0
    """Over how long the first requests are sent."""
    rate_per_s: float | None = None
    core: int | None = None
    watch: dict[str, int] = field(default_factory=dict)
    """Name and id of the processes whose CPU time is read at both ends of the window."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """One whole answer. The time is of the monotonic clock, which all processes share."""

    request_id: str
    finished_at: float


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What happened in the window, which begins after the warm-up."""

    window_s: float
    requests: int
    events: int
    latency_ms: dict[str, float]
    """p50 and p99, from the sending to the last byte (open loop: from when it was due)."""
    first_byte_ms: dict[str, float]
    """p50 and p99, to the first byte of the body."""
    cpu_s: dict[str, float]
    """By name, children included; `generator` is the load generator itself, MACHINE all of it."""
    finished: list[Finished] = field(default_factory=list)
    """Open loop only."""

    @property
    def requests_per_s(self) -> float:
        """Whole answers a second."""
        return self.requests / self.window_s

    def cpu_share(self, name: str) -> float:
        """Of one core; 1 is all of it."""
        return self.cpu_s[name] / self.window_s

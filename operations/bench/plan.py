"""How long and how often: the whole benchmark takes under four minutes, the quick one about one."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The sizes of one run."""

    rounds: int
    """Each measures both sides, one after the other; the figure is the median."""
    latency_s: float
    load_s: float
    paced_s: float
    ingest_events: int
    delay_s: float
    clients: int = 32
    paced_streams: int = 100
    """At 50 events a second each."""
    workspaces: int = 50
    delay_rate_per_s: float = 300


WHOLE: Final = Plan(rounds=3, latency_s=2, load_s=3, paced_s=4, ingest_events=100_000, delay_s=12)
QUICK: Final = Plan(rounds=1, latency_s=0.5, load_s=1, paced_s=1.5, ingest_events=30_000, delay_s=3)

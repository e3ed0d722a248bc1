"""How long and how often: a whole run takes eight to nine minutes, the quick one about one."""

from dataclasses import dataclass
from typing import Final

from operations.bench.steps import Step, steps

RELAY, BARE, GO, DIRECT = "relay", "bare", "go", "direct"
SIDES: Final = (DIRECT, BARE, GO, RELAY)
CLIENTS: Final = 32
# At 50 events a second; a thousand at half of it, since generator and upstream share one core. At
# 20, a stream's beginning and its end weigh most. See docs/benchmarks.md.
_PACES: Final = ((500, 50), (1000, 25), (500, 20))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The sizes of one run."""

    rounds: int
    """Each measures all sides, one after the other; the figure is the median."""
    steps: tuple[Step, ...]
    lengths: int
    """For how many lengths of a stream a paced step is measured."""
    ingest_events: int
    delay_s: float
    sides: tuple[str, ...] = SIDES
    workspaces: int = 50
    delay_rate_per_s: float = 300
    keys: int = 1_000_000
    report_requests: int = 2_000_000
    leases_s: float = 1.5
    leases_rounds: int = 2


WHOLE: Final = Plan(
    rounds=3,
    steps=steps(clients=CLIENTS, latency_s=2, load_s=3, lengths=2, paces=_PACES),
    lengths=2,
    ingest_events=100_000,
    delay_s=12,
)
QUICK: Final = Plan(
    rounds=1,
    steps=steps(clients=CLIENTS, latency_s=0.5, load_s=1, lengths=2, paces=_PACES[:1]),
    lengths=2,
    ingest_events=30_000,
    delay_s=3,
    keys=100_000,
    report_requests=100_000,
    leases_s=1,
    leases_rounds=1,
)

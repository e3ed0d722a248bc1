"""What was measured of each side and step, round by round, and the figures taken from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from operations.bench.figures import median_of
from operations.bench.load_spec import MACHINE, LoadResult
from operations.bench.steps import Step

MEASURED: Final = "measured"
_LOADING: Final = ("generator", "upstream")


@dataclass(kw_only=True)
class Comparison:
    """All rounds of all sides."""

    steps: tuple[Step, ...]
    results: dict[tuple[str, str], list[LoadResult]] = field(default_factory=dict)
    """By side and step."""
    rss_mib: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """Why a side that was asked for is not there."""

    def has(self, side: str, step: str) -> bool:
        """Whether this side was measured in this step."""
        return (side, step) in self.results

    def median(self, side: str, step: str, figure: str) -> float:
        """The median over the rounds of one figure of `FIGURES`."""
        return median_of(self.rounds(side, step, figure))

    def rounds(self, side: str, step: str, figure: str) -> list[float]:
        """One figure of each round, in their order."""
        return [FIGURES[figure](each) for each in self.results[side, step]]


FIGURES: Final[Mapping[str, Callable[[LoadResult], float]]] = {
    "p50_ms": lambda result: result.latency_ms["p50"],
    "p99_ms": lambda result: result.latency_ms["p99"],
    "first_byte_p50_ms": lambda result: result.first_byte_ms["p50"],
    "first_byte_p99_ms": lambda result: result.first_byte_ms["p99"],
    "per_s": lambda result: result.requests_per_s,
    "events_per_s": lambda result: result.events / result.window_s,
    "cpu_us_per_request": lambda result: (
        result.cpu_s.get(MEASURED, 0) * 1e6 / max(1, result.requests)
    ),
    "cpu_us_per_event": lambda result: result.cpu_s.get(MEASURED, 0) * 1e6 / max(1, result.events),
    "measured_share": lambda result: result.cpu_s.get(MEASURED, 0) / result.window_s,
    "generator_share": lambda result: result.cpu_share("generator"),
    "upstream_share": lambda result: result.cpu_share("upstream"),
    "around_share": lambda result: _share(result, without={MEASURED, *_LOADING, MACHINE}),
    "strangers_share": lambda result: result.cpu_share(MACHINE) - _share(result, without={MACHINE}),
}


def _share(result: LoadResult, *, without: set[str]) -> float:
    return sum(result.cpu_share(name) for name in result.cpu_s if name not in without)

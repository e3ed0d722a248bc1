"""What is measured of usage: the names of answers, and what each is made of. Pure."""

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, Final

from services.logging.sketches.sketch import Sketch
from shared.money.quota import to_cents

SUMS: Final = (
    "request_count",
    "success_count",
    "error_count",
    "rate_limited_count",
    "cache_hit_count",
    "timeout_count",
    "error_4xx_count",
    "error_5xx_count",
    "suppressed_count",
    "disconnected_count",
    "retried_count",
    "total_latency_ms",
    "total_upstream_latency_ms",
    "total_request_bytes",
    "total_response_bytes",
    "total_tokens_input",
    "total_tokens_output",
    "total_tokens_cached",
    "quota",
    "returned_quota",
)
"""Columns of the rollups that are added up."""
SKETCHES: Final = ("latency", "first_byte")
"""Columns that are merged; a percentile is read from what was merged."""
_QUANTILES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999))
PERCENTILES: Final[Mapping[str, tuple[str, float]]] = {
    f"{sketch}_{name}_ms": (sketch, quantile)
    for sketch in SKETCHES
    for name, quantile in _QUANTILES
}
"""Name to the sketch and the share of requests that took no longer."""
DISTINCT: Final = "unique_api_keys"
_Stored = Mapping[str, Any]


def _average(total: str) -> Callable[[_Stored], int | None]:
    def average(stored: _Stored) -> int | None:
        count = stored["request_count"]
        return round(stored[total] / count) if count else None

    return average


def _net(stored: _Stored) -> int:
    return int(stored["quota"] - stored["returned_quota"])


_PLAIN: Final = tuple(
    name for name in SUMS if name not in {"total_upstream_latency_ms", "quota", "returned_quota"}
)
TOLD: Final[Mapping[str, Callable[[_Stored], Any]]] = {
    **{name: itemgetter(name) for name in _PLAIN},
    "total_tokens": lambda stored: stored["total_tokens_input"] + stored["total_tokens_output"],
    "quota": _net,
    "returned_quota": itemgetter("returned_quota"),
    "total_cost_cents": lambda stored: str(to_cents(_net(stored))),
    "avg_latency_ms": _average("total_latency_ms"),
    "avg_upstream_latency_ms": _average("total_upstream_latency_ms"),
    "min_latency_ms": itemgetter("min_latency_ms"),
    "max_latency_ms": itemgetter("max_latency_ms"),
    DISTINCT: itemgetter(DISTINCT),
}
"""Name to how it is read from a row of sums. `quota` is net of what was given back."""
METRICS: Final = (*TOLD, *PERCENTILES)
"""All that a series can be asked for."""
USUAL: Final = (
    "request_count",
    "success_count",
    "error_count",
    "total_tokens_input",
    "total_tokens_output",
    "quota",
    "total_cost_cents",
    "avg_latency_ms",
)
"""What it tells where nothing is said."""
LATENCIES: Final = (
    "request_count",
    "error_count",
    "avg_latency_ms",
    "min_latency_ms",
    "max_latency_ms",
    *PERCENTILES,
)
"""What `/api/usage/latency` tells."""
NOTHING: Final[_Stored] = {
    **dict.fromkeys(SUMS, 0),
    DISTINCT: 0,
    "min_latency_ms": None,
    "max_latency_ms": None,
    **dict.fromkeys(SKETCHES),
}
"""A row of sums over no request."""


def needs_sketches(metrics: Iterable[str]) -> tuple[str, ...]:
    """The sketches that these take."""
    wanted = {PERCENTILES[name][0] for name in metrics if name in PERCENTILES}
    return tuple(name for name in SKETCHES if name in wanted)


def told(stored: _Stored, metrics: Iterable[str]) -> dict[str, Any]:
    """The metrics of a row of sums, whose sketches are merged. None: there was no request."""
    answer: dict[str, Any] = {}
    for name in metrics:
        percentile = PERCENTILES.get(name)
        if percentile is None:
            answer[name] = TOLD[name](stored)
        else:
            sketch: Sketch | None = stored[percentile[0]]
            answer[name] = None if sketch is None else sketch.quantile(percentile[1])
    return answer

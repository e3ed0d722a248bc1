"""A request's figures into its metrics, with each series looked up once and not at each request."""

from functools import lru_cache
from typing import NamedTuple

from prometheus_client import Counter, Histogram

from services.relay.metrics import OTHER, RequestMetrics
from shared.events.requests import RequestCompleted

_REMEMBERED = 4096


class _Series(NamedTuple):
    requests: Counter
    latency: Histogram
    first_byte: Histogram
    prompt_tokens: Counter
    completion_tokens: Counter
    quota: Counter


class RequestSeries:
    """Counts completed requests."""

    def __init__(self, metrics: RequestMetrics) -> None:
        self._metrics = metrics
        self._series = lru_cache(_REMEMBERED)(self._of)

    def observe(self, event: RequestCompleted, *, latency_s: float, upstream_s: float) -> None:
        """Count one request; `upstream_s` is the time in which an upstream had it."""
        code = event.error_code.value if event.error_code else ""
        series = self._series(event.requested_model or OTHER, event.outcome.value, code)
        series.requests.inc()
        series.latency.observe(latency_s)
        self._metrics.overhead.observe(max(0.0, latency_s - upstream_s))
        if event.is_stream and event.first_byte_ms is not None:
            series.first_byte.observe(event.first_byte_ms / 1000)
        series.prompt_tokens.inc(event.usage.prompt_tokens)
        series.completion_tokens.inc(event.usage.completion_tokens)
        series.quota.inc(event.quota)

    def _of(self, model: str, outcome: str, code: str) -> _Series:
        metrics = self._metrics
        return _Series(
            requests=metrics.requests.labels(model, outcome, code),
            latency=metrics.latency.labels(model),
            first_byte=metrics.first_byte.labels(model),
            prompt_tokens=metrics.tokens.labels(model, "prompt"),
            completion_tokens=metrics.tokens.labels(model, "completion"),
            quota=metrics.quota.labels(model),
        )

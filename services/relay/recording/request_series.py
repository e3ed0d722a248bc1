"""A request's figures into its metrics, with each series looked up once and not at each request."""

from functools import lru_cache
from typing import Final, NamedTuple

from services.relay.exchange import Charge, Ending, Exchange
from services.relay.metrics import RequestMetrics
from shared.events.requests import ErrorCode, Outcome
from shared.telemetry.tallies import Spread, Tally

_REMEMBERED: Final = 4096


class _Series(NamedTuple):
    requests: Tally
    latency: Spread
    first_byte: Spread
    prompt_tokens: Tally
    completion_tokens: Tally
    quota: Tally


class RequestSeries:
    """Counts completed requests."""

    def __init__(self, metrics: RequestMetrics) -> None:
        self._metrics = metrics
        self._overhead = metrics.overhead.of()
        self._of = lru_cache(_REMEMBERED)(self._find)

    def observe(
        self, exchange: Exchange, ending: Ending, charge: Charge, *, latency_s: float
    ) -> None:
        """Count one request."""
        facts, usage = exchange.facts, charge.usage
        series = self._of(facts.model, ending.outcome, ending.error_code)
        series.requests.total += 1
        series.latency.observe(latency_s)
        self._overhead.observe(max(0.0, latency_s - exchange.upstream_s))
        if facts.is_stream and exchange.first_byte_ms is not None:
            series.first_byte.observe(exchange.first_byte_ms / 1000)
        series.prompt_tokens.total += usage.prompt_tokens
        series.completion_tokens.total += usage.completion_tokens
        series.quota.total += charge.quota_units

    def _find(self, model: str, outcome: Outcome, code: ErrorCode | None) -> _Series:
        metrics = self._metrics
        return _Series(
            requests=metrics.requests.of(model, outcome.value, code.value if code else ""),
            latency=metrics.latency.of(model),
            first_byte=metrics.first_byte.of(model),
            prompt_tokens=metrics.tokens.of(model, "prompt"),
            completion_tokens=metrics.tokens.of(model, "completion"),
            quota=metrics.quota.of(model),
        )

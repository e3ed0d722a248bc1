"""What limits decide, and how their shared store fares. Labels come from closed sets."""

from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.relay.limits.limit import Kind, Scope

_SERIES: Final = 2 * len(Scope) * len(Kind)
_STORE_BUCKETS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)


class LimitMetrics:
    """Of one relay."""

    def __init__(self, registry: CollectorRegistry, *, has_store: bool = True) -> None:
        self.decisions = Counter(
            "ledgerline_relay_limit_decisions_total",
            "What each limit said of each request that it limits",
            ("scope", "kind", "result"),
            registry=registry,
        )
        self.decided = lru_cache(_SERIES)(self._decided)
        """The series of one scope, kind and result, looked up once."""
        self.unshared = Counter(
            "ledgerline_relay_limit_unshared_total",
            "Requests that the store could not decide: open, by this relay alone; closed, refused",
            ("setting",),
            registry=registry,
        )
        self.in_flight = Gauge(
            "ledgerline_relay_limit_requests_in_flight",
            "Requests that hold a part of a limit",
            registry=registry,
        )
        self.store_seconds = Histogram(
            "ledgerline_relay_limit_store_seconds",
            "From asking the shared store to its answer",
            buckets=_STORE_BUCKETS,
            registry=registry,
        )
        self.store_up = Gauge(
            "ledgerline_relay_limit_store_up",
            "1: limits are shared; 0: a store is set and cannot be reached; absent: none is set",
            registry=registry if has_store else None,
        )
        self.store_failures = Counter(
            "ledgerline_relay_limit_store_failures_total",
            "Failed exchanges with the shared store, and connections that could not be made",
            ("reason",),
            registry=registry,
        )

    def _decided(self, scope: Scope, kind: Kind, is_allowed: bool) -> Counter:
        result = "allowed" if is_allowed else "refused"
        return self.decisions.labels(scope.value, kind.value, result)

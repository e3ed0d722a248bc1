"""How the workers do. Labels come from closed sets."""

from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

Reason = Literal["killed", "failed", "ended", "hung"]
_REASONS: Final[tuple[Reason, ...]] = ("killed", "failed", "ended", "hung")


class WorkerMetrics:
    """Kept by the supervisor; a relay without one has none of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.workers = Gauge(
            "ledgerline_relay_workers", "Workers that there should be", registry=registry
        )
        self.ready = Gauge(
            "ledgerline_relay_workers_ready", "Workers that take requests", registry=registry
        )
        self._restarts = Counter(
            "ledgerline_relay_worker_restarts_total",
            "Workers that were started again: killed by a signal, failed, ended by themselves"
            " with exit code 0, or killed because they hung",
            ("reason",),
            registry=registry,
        )
        for reason in _REASONS:  # from 0 on, so that the first one is an increase
            self._restarts.labels(reason)

    def restarted(self, reason: Reason) -> None:
        """A worker ended without having been asked to."""
        self._restarts.labels(reason).inc()

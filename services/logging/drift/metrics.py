"""What can be watched of sums that must agree. Labels are from a closed set."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from services.logging.drift.looking import CHECKS, Drift

_LABELS: Final = ("check",)


class DriftMetrics:
    """Set every five minutes; see `watching.py`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._differences = Gauge(
            "ledgerline_log_drift_differences",
            "Sums of the last hours that do not agree with what they are made of.",
            _LABELS,
            registry=registry,
        )
        self._units = Gauge(
            "ledgerline_log_drift_units",
            "Quota units by which such sums do not agree.",
            _LABELS,
            registry=registry,
        )
        self._looked_at = Gauge(
            "ledgerline_log_drift_looked_at",
            "Hours that were compared; those with too many rows, or to be rebuilt, are left out.",
            _LABELS,
            registry=registry,
        )
        self._checked = Gauge(
            "ledgerline_log_drift_checked_timestamp_seconds",
            "When all was compared last (Unix seconds).",
            registry=registry,
        )
        for check in CHECKS:
            self._differences.labels(check)
            self._units.labels(check)
            self._looked_at.labels(check)
        self._checked.set_to_current_time()

    def found(self, drifts: Mapping[str, Drift]) -> None:
        """One look's figures."""
        for check, drift in drifts.items():
            self._differences.labels(check).set(len(drift.differences))
            self._units.labels(check).set(drift.units)
            self._looked_at.labels(check).set(drift.looked_at)
        self._checked.set_to_current_time()

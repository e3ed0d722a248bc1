"""What can be watched of sums that must agree. Labels are from a closed set."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from services.billing.drift.store_drift import CHECKS, Drift

_LABELS: Final = ("check",)


class DriftMetrics:
    """Set once a minute; see `watching.py`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._units = Gauge(
            "ledgerline_billing_drift_units",
            "Quota units by which sums that must agree do not.",
            _LABELS,
            registry=registry,
        )
        self._rows = Gauge(
            "ledgerline_billing_drift_rows",
            "Accounts, entries, hours or holds that do not agree with what they are made of.",
            _LABELS,
            registry=registry,
        )
        self._looked_at = Gauge(
            "ledgerline_billing_drift_looked_at",
            "What was compared; 0 where there is nothing, or too much for a minute's turn.",
            _LABELS,
            registry=registry,
        )
        self._checked = Gauge(
            "ledgerline_billing_drift_checked_timestamp_seconds",
            "When all was compared last (Unix seconds).",
            registry=registry,
        )
        for check in CHECKS:
            self._units.labels(check)
            self._rows.labels(check)
            self._looked_at.labels(check)
        self._checked.set_to_current_time()

    def found(self, drifts: Mapping[str, Drift]) -> None:
        """One turn's figures."""
        for check, drift in drifts.items():
            self._units.labels(check).set(drift.units)
            self._rows.labels(check).set(drift.rows)
            self._looked_at.labels(check).set(drift.looked_at)
        self._checked.set_to_current_time()

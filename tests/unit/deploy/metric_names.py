"""The names of all metrics that the services have."""

from functools import cache

from prometheus_client import CollectorRegistry

from services.billing.drift.metrics import DriftMetrics
from services.billing.metrics import BillingMetrics
from services.control.metrics import ControlMetrics
from services.logging.drift.metrics import DriftMetrics as LogDriftMetrics
from services.logging.metrics import LoggingMetrics
from services.relay.limits.metrics import LimitMetrics
from services.relay.metrics import (
    CodeMetrics,
    HealthMetrics,
    JournalMetrics,
    LeaseMetrics,
    RequestMetrics,
)
from services.relay.workers.metrics import WorkerMetrics
from shared.kafka.metrics import ConsumerMetrics, OutboxMetrics

_HOUSES = (
    *(RequestMetrics, HealthMetrics, LeaseMetrics, JournalMetrics, LimitMetrics),
    *(CodeMetrics, WorkerMetrics),
    *(DriftMetrics, LogDriftMetrics),
    *(BillingMetrics, LoggingMetrics, ControlMetrics, ConsumerMetrics, OutboxMetrics),
)
_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("_count", "_sum"),
}


@cache
def metric_names() -> frozenset[str]:
    """As Prometheus knows them, with the suffixes of their kinds."""
    registries = [CollectorRegistry(auto_describe=True) for _ in _HOUSES]
    for made, registry in zip(_HOUSES, registries, strict=True):
        made(registry)  # each in its own: services have some metrics in common
    return frozenset(
        family.name + suffix
        for registry in registries
        for family in registry.collect()
        for suffix in _SUFFIXES.get(family.type, ("",))
    )

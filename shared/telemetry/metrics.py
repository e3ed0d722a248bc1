"""What every service's metrics have in common: a registry of its own and the process's figures."""

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


def new_registry() -> CollectorRegistry:
    """A registry with the process's own figures. One for each service process; none is global."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> tuple[bytes, str]:
    """The body and the content type of `/metrics`."""
    return generate_latest(registry), CONTENT_TYPE_LATEST

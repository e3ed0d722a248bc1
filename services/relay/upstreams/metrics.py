"""The connections to providers, read off when somebody asks: no figure is kept at each request."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from services.relay.http1.pool import Pool


class ConnectionMetrics(Collector):
    """What the relay's own client holds."""

    def __init__(self, registry: CollectorRegistry, pool: Pool) -> None:
        self._pool = pool
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """See Collector."""
        busy, idle, waiting = self._pool.totals()
        connections = GaugeMetricFamily(
            "ledgerline_relay_upstream_connections", "Connections to providers", labels=("state",)
        )
        connections.add_metric(("busy",), busy)
        connections.add_metric(("idle",), idle)
        yield connections
        yield GaugeMetricFamily(
            "ledgerline_relay_upstream_calls_waiting",
            "Calls that wait for a connection, since their channel has all that it may",
            value=waiting,
        )
        tally = self._pool.tally
        events = CounterMetricFamily(
            "ledgerline_relay_upstream_connection_events_total",
            "Opened; reused for another call; failed, a call that got none in time; "
            "retried, a call sent again since its connection had been closed while idle",
            labels=("event",),
        )
        events.add_metric(("opened",), tally.opened)
        events.add_metric(("reused",), tally.reused)
        events.add_metric(("failed",), tally.failed)
        events.add_metric(("retried",), tally.retried)
        yield events

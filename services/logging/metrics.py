"""What can be watched of `logging`, beside its consumer's figures."""

from collections.abc import Callable
from typing import Final

import asyncpg
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class LoggingMetrics:
    """Figures of one process. Labels are from closed sets."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows_written = Counter(
            "ledgerline_log_rows_written",
            "Log rows written; an event that comes again is counted once.",
            registry=registry,
        )
        self.rows_deleted = Counter(
            "ledgerline_log_rows_deleted",
            "Log rows deleted, by clean-ups and by the end of their period.",
            registry=registry,
        )
        self.drop_waits = Counter(
            "ledgerline_log_drop_waits",
            "Times that a partition's drop gave way to a reader and was tried again.",
            registry=registry,
        )
        self.events_refused = Counter(
            "ledgerline_log_events_refused",
            "Events of a time whose rows were deleted: they leave no row and no figure.",
            registry=registry,
        )
        self.compiled = Gauge(
            "ledgerline_log_compiled",
            "1 where events are added up by compiled code, 0 where it is interpreted.",
            registry=registry,
        )
        self.query_seconds = Histogram(
            "ledgerline_log_query_seconds",
            "Time of the Log API's queries.",
            ("list",),
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self._partitions_ahead = Gauge(
            "ledgerline_log_partitions_ahead_seconds",
            "Time from now on that each table has partitions for.",
            ("table",),
            registry=registry,
        )
        self.partition_rows = Gauge(
            "ledgerline_log_partition_rows",
            "Rows of the largest recent partition of the log, as PostgreSQL last estimated them.",
            registry=registry,
        )
        self.complete_until = Gauge(
            "ledgerline_log_complete_until_timestamp_seconds",
            "Every request that ended before this is in the log and in the figures of use.",
            registry=registry,
        )
        self.live_readers = Gauge(
            "ledgerline_log_live_readers",
            "Connections that watch requests as they happen.",
            registry=registry,
        )
        self.live_ended = Counter(
            "ledgerline_log_live_ended",
            "Such connections that came to an end, by why.",
            ("reason",),
            registry=registry,
        )
        self._pool_connections = Gauge(
            "ledgerline_postgres_pool_connections",
            "Connections of each pool, by whether they are in use.",
            ("pool", "state"),
            registry=registry,
        )

    def watch_partitions(self, table: str, ahead_s: Callable[[], float]) -> None:
        """Measure at each scrape how far ahead a table has partitions."""
        self._partitions_ahead.labels(table).set_function(ahead_s)

    def watch_pool(self, name: str, pool: asyncpg.Pool) -> None:
        """Measure a connection pool at each scrape."""
        connections = self._pool_connections
        connections.labels(name, "idle").set_function(pool.get_idle_size)
        connections.labels(name, "in_use").set_function(
            lambda: pool.get_size() - pool.get_idle_size()
        )

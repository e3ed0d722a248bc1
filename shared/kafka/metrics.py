"""What can be watched of readers and publishers. Labels are topics, groups and partitions only."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BATCH_BUCKETS: Final = (1, 10, 50, 100, 250, 500, 1000, 2000)
_SECONDS_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class ConsumerMetrics:
    """Figures of the consumers of kept topics in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_partition = ("group", "topic", "partition")
        self.lag_events = Gauge(
            "ledgerline_consumer_lag_events",
            "Records between the watermark and the end of the partition.",
            by_partition,
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "ledgerline_consumer_lag_seconds",
            "Age of the last applied record while there are newer ones, else 0.",
            by_partition,
            registry=registry,
        )
        self.halted = Gauge(
            "ledgerline_consumer_partition_halted",
            "1 while the partition stands still and needs a person.",
            by_partition,
            registry=registry,
        )
        self.batch_records = Histogram(
            "ledgerline_consumer_batch_records",
            "Records of each committed batch.",
            ("group",),
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "ledgerline_consumer_batch_seconds",
            "Time of each committed batch, tries included.",
            ("group",),
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self.batch_failures = Counter(
            "ledgerline_consumer_batch_failures",
            "Tries of batches that were rolled back.",
            ("group", "kind"),
            registry=registry,
        )
        self.dead_letters = Counter(
            "ledgerline_consumer_dead_letters",
            "Records sent to the dead-letter topic.",
            ("group", "topic", "reason"),
            registry=registry,
        )


class OutboxMetrics:
    """Figures of the publishers in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Gauge(
            "ledgerline_outbox_rows",
            "Rows that wait for the broker's acknowledgement.",
            ("outbox",),
            registry=registry,
        )
        self._age = Gauge(
            "ledgerline_outbox_age_seconds",
            "Age of the oldest row that waits.",
            ("outbox",),
            registry=registry,
        )

    def outbox(self, name: str, *, rows: int, age_s: float) -> None:
        """Set the depth of one of the two outboxes."""
        self._rows.labels(name).set(rows)
        self._age.labels(name).set(age_s)


class StateReaderMetrics:
    """Figures of the readers of state topics in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag_events = Gauge(
            "ledgerline_state_reader_lag_offsets",
            "Offsets (transaction markers included) between the position and the partition's end.",
            ("topic", "partition"),
            registry=registry,
        )

"""The relay's metrics. Labels come from closed sets: never a user, never a key.

Model and channel labels are the configured ones, else `other`.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.telemetry.tallies import TallyCounter, TallyHistogram

OTHER: Final = "other"
_LATENCY_BOUNDS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    120,
    300,
)
_OVERHEAD_BOUNDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1)


class RequestMetrics:
    """What clients asked and what they got."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = TallyCounter(
            "ledgerline_relay_requests_total",
            "Requests by how they ended",
            ("model", "outcome", "error_code"),
            registry=registry,
        )
        self.latency = TallyHistogram(
            "ledgerline_relay_request_seconds",
            "From the request's arrival to its last byte",
            ("model",),
            bounds=_LATENCY_BOUNDS,
            registry=registry,
        )
        self.overhead = TallyHistogram(
            "ledgerline_relay_overhead_seconds",
            "The part of a request in which no upstream had it",
            bounds=_OVERHEAD_BOUNDS,
            registry=registry,
        )
        self.first_byte = TallyHistogram(
            "ledgerline_relay_first_byte_seconds",
            "From the request's arrival to the first byte passed on, for streams",
            ("model",),
            bounds=_LATENCY_BOUNDS,
            registry=registry,
        )
        self.tokens = TallyCounter(
            "ledgerline_relay_tokens_total", "Tokens", ("model", "kind"), registry=registry
        )
        self.quota = TallyCounter(
            "ledgerline_relay_quota_units_total",
            "Quota rated; 500,000 is $1",
            ("model",),
            registry=registry,
        )
        self.attempts = TallyCounter(
            "ledgerline_relay_attempts_total",
            "Tries at channels",
            ("channel", "result"),
            registry=registry,
        )
        self.in_flight = Gauge(
            "ledgerline_relay_requests_in_flight", "Requests being served", registry=registry
        )
        self.unknown_keys = Counter(
            "ledgerline_relay_unknown_keys_total", "Requests with an unknown key", registry=registry
        )
        self.suppressed = Counter(
            "ledgerline_relay_rejections_suppressed_total",
            "Refusals counted and not published each by itself",
            registry=registry,
        )


class CodeMetrics:
    """How the code of the process runs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.compiled = Gauge(
            "ledgerline_relay_compiled",
            "1 where the way of a request runs compiled, 0 where it is interpreted",
            registry=registry,
        )


class HealthMetrics:
    """How the channels do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.channels = Gauge(
            "ledgerline_relay_channel_health",
            "By channel, as this relay finds it: 0 healthy, 1 resting, 2 disabled",
            ("channel",),
            registry=registry,
        )


class LeaseMetrics:
    """What the relay holds, and how it speaks with billing."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge("ledgerline_relay_leases_open", "Open leases", registry=registry)
        self.room = Gauge(
            "ledgerline_relay_lease_room_units", "Quota in hand, not held", registry=registry
        )
        self.held = Gauge(
            "ledgerline_relay_lease_held_units",
            "Quota held by requests in flight",
            registry=registry,
        )
        self.exchanges = Counter(
            "ledgerline_relay_lease_exchanges_total",
            "Messages to billing",
            ("result",),
            registry=registry,
        )


class JournalMetrics:
    """How much is not on Kafka yet, and not on the disk yet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.depth = Gauge(
            "ledgerline_relay_journal_unpublished_events",
            "Events not acknowledged by Kafka",
            registry=registry,
        )
        self.age = Gauge(
            "ledgerline_relay_journal_oldest_unpublished_seconds",
            "Age of the oldest of them",
            registry=registry,
        )
        self.unsynced = Gauge(
            "ledgerline_relay_journal_unsynced_bytes",
            "What a loss of power would lose",
            registry=registry,
        )
        self.used = Gauge(
            "ledgerline_relay_journal_bytes", "Disk set aside for the journal", registry=registry
        )
        self.published = Counter(
            "ledgerline_relay_events_published_total",
            "Events that Kafka acknowledged",
            registry=registry,
        )
        self.failures = Counter(
            "ledgerline_relay_publish_failures_total", "Batches sent again", registry=registry
        )
        self.batch = Histogram(
            "ledgerline_relay_publish_batch_events",
            "Events in a batch",
            buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000),
            registry=registry,
        )
        self.quarantined = Counter(
            "ledgerline_relay_journal_quarantined_total",
            "Damaged segments put aside",
            registry=registry,
        )

"""What can be watched of billing. Labels are from closed sets: never a workspace, user or key."""

from collections.abc import Callable, Sequence
from typing import Final

import asyncpg
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.billing.charging.chargeable import Charge
from shared.leases.protocol import LeaseAnswers, LeaseState

_SECONDS_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_ASKS_BUCKETS: Final = (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)


class BillingMetrics:
    """Billing's own figures; those of consumer and outbox are `shared.kafka.metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._charges = Counter(
            "ledgerline_billing_charges",
            "Requests by what became of them: posted, or repeated and left alone.",
            ("outcome",),
            registry=registry,
        )
        self._quota = Counter(
            "ledgerline_billing_charged_quota", "Quota units charged.", registry=registry
        )
        self._excess = Counter(
            "ledgerline_billing_excess_quota",
            "Quota units charged beyond what requests had set aside.",
            registry=registry,
        )
        self._asks = Counter(
            "ledgerline_billing_lease_asks",
            "Leases asked for, by answer.",
            ("answer",),
            registry=registry,
        )
        self._message_asks = Histogram(
            "ledgerline_billing_lease_message_asks",
            "Leases in one relay's message.",
            buckets=_ASKS_BUCKETS,
            registry=registry,
        )
        self.message_seconds = Histogram(
            "ledgerline_billing_lease_message_seconds",
            "Time to answer one relay's message.",
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self.top_ups = Counter(
            "ledgerline_billing_top_up_quota", "Quota units topped up.", registry=registry
        )
        self.refunded = Counter(
            "ledgerline_billing_refunded_quota", "Quota units refunded.", registry=registry
        )
        self.expired = Counter(
            "ledgerline_billing_expired_quota", "Quota units of grants expired.", registry=registry
        )
        self.releases = Counter(
            "ledgerline_billing_lease_releases", "Leases released by force.", registry=registry
        )
        self.open_leases = Gauge(
            "ledgerline_billing_open_leases", "Leases that are open.", registry=registry
        )
        self.suspect_leases = Gauge(
            "ledgerline_billing_suspect_leases",
            "Open leases without a heartbeat for 30 s.",
            registry=registry,
        )
        self.held_quota = Gauge(
            "ledgerline_billing_held_quota",
            "Quota units of balances that leases hold; those of keys are not counted again.",
            registry=registry,
        )
        self._key_quotas_waiting = Gauge(
            "ledgerline_billing_key_quotas_waiting",
            "Keys of which control has said what they may spend, and it is not applied yet.",
            registry=registry,
        )
        self._pool_connections = Gauge(
            "ledgerline_postgres_pool_connections",
            "Connections of the pool, by whether they are in use.",
            ("state",),
            registry=registry,
        )

    def watch_pool(self, pool: asyncpg.Pool) -> None:
        """Measure the connection pool at each scrape."""
        connections = self._pool_connections
        connections.labels("idle").set_function(pool.get_idle_size)
        connections.labels("in_use").set_function(lambda: pool.get_size() - pool.get_idle_size())

    def watch_key_quotas(self, waiting: Callable[[], float]) -> None:
        """Measure how many settings wait, at each scrape."""
        self._key_quotas_waiting.set_function(waiting)

    def charged(self, posted: Sequence[Charge], *, repeated: int) -> None:
        """Count a batch; called before its commit, so that a try that fails is counted as well."""
        self._charges.labels("posted").inc(len(posted))
        self._charges.labels("repeated").inc(repeated)
        self._quota.inc(sum(charge.quota_units for charge in posted))
        self._excess.inc(sum(charge.excess_units for charge in posted))

    def answered(self, answers: LeaseAnswers) -> None:
        """Count one message's answers."""
        self._message_asks.observe(len(answers.leases))
        for answer in answers.leases:
            if answer.state is LeaseState.CLOSED:
                name = "closed"
            elif answer.is_short:
                name = "short"
            else:
                name = "scarce" if answer.is_scarce else "granted"
            self._asks.labels(name).inc()

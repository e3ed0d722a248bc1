"""The end of every request: rate it, journal its event, settle its hold. All in one step.

Nothing here waits: between the charge being safe and the client's last bytes there is no moment at
which only one of the two is decided.
"""

from datetime import UTC, datetime

from services.relay.completion import charge_of, event_of, record_of
from services.relay.exchange import Ending, Exchange
from services.relay.journal.journal import Journal
from services.relay.lease_keeper import LeaseKeeper
from services.relay.metrics import OTHER, RequestMetrics
from services.relay.request_log import log_request
from shared.events.requests import RequestCompleted


class Recorder:
    """Writes the one event of each admitted request."""

    def __init__(self, *, journal: Journal, leases: LeaseKeeper, metrics: RequestMetrics) -> None:
        self._journal = journal
        self._leases = leases
        self._metrics = metrics
        self._last_at = datetime.fromtimestamp(0, UTC)

    def complete(self, exchange: Exchange, ending: Ending) -> None:
        """Write the event and settle the hold. Once; a repeat does nothing.

        Raises OSError where the journal's disk is broken: the client must not get its last bytes.
        """
        if exchange.is_completed:
            return
        charge = charge_of(exchange, ending)
        # Never back in time: the journal's mark says that everything before it is published.
        completed_at = self._last_at = max(datetime.now(UTC), self._last_at)
        event = event_of(exchange, ending, charge, completed_at)
        arrival = exchange.arrival
        self._journal.complete(record_of(event, arrival.id_bytes, arrival.trace.header()))
        exchange.is_completed = True
        self._leases.settle(exchange.hold, charge.quota_units)
        self._measure(exchange, event)
        log_request(event, arrival.trace.trace_id)

    def _measure(self, exchange: Exchange, event: RequestCompleted) -> None:
        metrics, model = self._metrics, event.requested_model or OTHER
        seconds = event.latency_ms / 1000
        code = event.error_code.value if event.error_code else ""
        metrics.requests.labels(model, event.outcome.value, code).inc()
        metrics.latency.labels(model).observe(seconds)
        metrics.overhead.observe(
            max(0.0, seconds - exchange.upstream_ms / 1000 - exchange.waited_for_client_s)
        )
        if event.is_stream and event.first_byte_ms is not None:
            metrics.first_byte.labels(model).observe(event.first_byte_ms / 1000)
        metrics.tokens.labels(model, "prompt").inc(event.usage.prompt_tokens)
        metrics.tokens.labels(model, "completion").inc(event.usage.completion_tokens)
        metrics.quota.labels(model).inc(event.quota)

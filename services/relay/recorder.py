"""The end of every request: rate it, journal its event, settle its hold. All in one step.

Nothing here waits: between the charge being safe and the client's last bytes there is no moment at
which only one of the two is decided.
"""

import time
from datetime import UTC, datetime

from services.relay.completion import charge_of, event_of, record_of
from services.relay.exchange import Ending, Exchange
from services.relay.journal.journal import Journal
from services.relay.lease_keeper import LeaseKeeper
from services.relay.limits.reserving import used_tokens
from services.relay.metrics import RequestMetrics
from services.relay.request_log import log_request
from services.relay.request_series import RequestSeries


class Recorder:
    """Writes the one event of each admitted request."""

    def __init__(self, *, journal: Journal, leases: LeaseKeeper, metrics: RequestMetrics) -> None:
        self._journal = journal
        self._leases = leases
        self._series = RequestSeries(metrics)
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
        for hold in exchange.holds:
            self._leases.settle(hold, charge.quota_units)
        exchange.taken.settle(used_tokens(charge.usage))
        if exchange.ended is not None:
            exchange.ended(ending.error_code)
        self._series.observe(
            event,
            latency_s=time.perf_counter() - arrival.started,
            upstream_s=exchange.upstream_s,
        )
        log_request(event, arrival.trace.trace_id)

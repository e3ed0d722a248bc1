"""The end of every request: rate it, journal its event, settle its hold. All in one step.

Nothing here waits: between the charge being safe and the client's last bytes there is no moment at
which only one of the two is decided.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

from services.relay.exchange import Charge, Ending, Exchange
from services.relay.journal.journal import Journal
from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.limits.reserving import used_tokens
from services.relay.limits.taken import UNLIMITED
from services.relay.metrics import RequestMetrics
from services.relay.recording.charging import charge_of
from services.relay.recording.completion import completed
from services.relay.recording.request_log import log_request
from services.relay.recording.request_series import RequestSeries

# Metrics and log lines are made many at a time: that takes half as long as one by one.
_TELL_EVERY_S: Final = 0.02
_TOLD_AT_ONCE: Final = 500


class Recorder:
    """Writes the one event of each admitted request."""

    def __init__(self, *, journal: Journal, leases: LeaseKeeper, metrics: RequestMetrics) -> None:
        self._journal = journal
        self._leases = leases
        self._series = RequestSeries(metrics)
        self._told: list[tuple[Exchange, Ending, Charge, float]] = []
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
        self._journal.complete(completed(exchange, ending, charge, completed_at))
        exchange.is_completed = True
        quota = charge.quota_units
        for hold in exchange.holds:
            used = quota if hold.provider_id is None else exchange.used_of(hold, quota)
            self._leases.settle(hold, used)
        if exchange.taken is not UNLIMITED:
            exchange.taken.settle(used_tokens(charge.usage))
        if exchange.ended is not None:
            exchange.ended(ending.error_code)
        latency_s = time.perf_counter() - exchange.arrival.started
        self._told.append((exchange, ending, charge, latency_s))
        if len(self._told) == 1:
            asyncio.get_running_loop().call_later(_TELL_EVERY_S, self.tell)
        elif len(self._told) >= _TOLD_AT_ONCE:
            self.tell()

    def tell(self) -> None:
        """Count and log what was completed since. Repeatable."""
        told, self._told = self._told, []
        for exchange, ending, charge, latency_s in told:
            self._series.observe(exchange, ending, charge, latency_s=latency_s)
            log_request(exchange, ending, charge, latency_ms=int(latency_s * 1000))

"""Gauges that are read off now and then, not kept at each request."""

import asyncio
from typing import Final

from services.relay.journal.journal import Journal
from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.metrics import JournalMetrics, LeaseMetrics
from services.relay.publishing.marks import age_s
from services.relay.publishing.publisher import Publisher

_EVERY_S: Final = 1.0


async def observe(
    journal: Journal,
    publisher: Publisher,
    leases: LeaseKeeper,
    journal_metrics: JournalMetrics,
    lease_metrics: LeaseMetrics,
) -> None:
    """Set the gauges until cancelled."""
    while True:
        journal_metrics.depth.set(journal.unpublished_count)
        journal_metrics.age.set(age_s(publisher.oldest_unpublished_us))
        journal_metrics.unsynced.set(journal.unsynced_bytes)
        journal_metrics.used.set(journal.used_bytes)
        open_leases, room, held = leases.totals()
        lease_metrics.open.set(open_leases)
        lease_metrics.room.set(room)
        lease_metrics.held.set(held)
        await asyncio.sleep(_EVERY_S)

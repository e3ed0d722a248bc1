"""What time brings: leases that nobody keeps are released, budgets' periods are closed.

And what is left of grants that have ended is taken back.
"""

import asyncio
from functools import partial
from typing import Final

import asyncpg

from services.billing.budgets.posting import close_due
from services.billing.budgets.store_failed import prune_failed
from services.billing.budgets.zones import follow_zones
from services.billing.directory import Directory
from services.billing.grants.expiring import expire_ended
from services.billing.leases.releases import Order, release
from services.billing.leases.store_lease_lists import abandoned_leases, lease_figures, prune_leases
from services.billing.metrics import BillingMetrics
from shared.http.envelope import EnvelopeError
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY, in_transaction
from shared.telemetry.logs import get_logger

_EVERY_S: Final = 15.0
_BATCH: Final = 200

_logger = get_logger()


async def sweep_always(pool: asyncpg.Pool, metrics: BillingMetrics, directory: Directory) -> None:
    """Sweep and measure until cancelled. A database that is away is waited for."""
    while True:
        try:
            await sweep(pool, metrics)
            await sweep_budgets(pool, directory)
        except DATABASE_AWAY as error:
            _logger.warning("sweep.failed", **describe_error(error))
        await asyncio.sleep(_EVERY_S)


async def sweep(pool: asyncpg.Pool, metrics: BillingMetrics) -> None:
    """Once: release what was abandoned, delete and expire what ended, set gauges. Repeatable."""
    for lease_id in await abandoned_leases(pool, _BATCH):
        try:
            done = await in_transaction(pool, partial(release, order=Order(lease_id=lease_id)))
        except EnvelopeError:
            continue  # another billing was quicker
        metrics.releases.inc()
        _logger.warning("lease.abandoned", lease_id=lease_id, exposure_units=done.exposure_units)
    await prune_leases(pool, _BATCH)
    metrics.expired.inc(await expire_ended(pool))
    figures = await lease_figures(pool)
    metrics.open_leases.set(figures["open"])
    metrics.suspect_leases.set(figures["suspect"])
    metrics.held_quota.set(figures["held"])


async def sweep_budgets(pool: asyncpg.Pool, directory: Directory) -> None:
    """Once: note new time zones, and close the periods that are over. Repeatable."""

    def zone_of(workspace_id: int) -> str | None:
        workspace = directory.workspace(workspace_id)
        return None if workspace is None else workspace.timezone

    await follow_zones(pool, zone_of)
    while await close_due(pool, _BATCH) == _BATCH:
        pass
    await prune_failed(pool, _BATCH)

"""Clean-ups as a service carries them out, in this process or in one that may be killed.

`python -P -m tests.integration.logging_service.clean_ups DSN [NOW]` carries them out until it is
ended, at the present time or at another (Unix seconds).
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from prometheus_client import CollectorRegistry

from services.logging.metrics import LoggingMetrics
from services.logging.retention.periods import Periods
from services.logging.retention.running import CleanUpRunner
from shared.postgres.pool import open_pool
from shared.service.background import BackgroundTasks
from shared.service.clock import Clock, utc_now
from tests.stack_fixtures import Database

FOR_EVER = Periods()
PHASE_ROWS = 3
"""So few that some rows take several phases."""


async def carry_out(dsn: str, *, periods: Periods = FOR_EVER, clock: Clock = utc_now) -> None:
    """Until it is cancelled."""
    async with open_pool(dsn, min_size=1, max_size=2, application_name="clean-ups") as pool:
        await CleanUpRunner(
            dsn=dsn,
            metrics=LoggingMetrics(CollectorRegistry()),
            periods=periods,
            pool=pool,
            partition_hours=24,
            phase_rows=PHASE_ROWS,
            clock=clock,
        ).run()


@asynccontextmanager
async def clean_ups_running(
    database: Database, *, periods: Periods = FOR_EVER, clock: Clock = utc_now
) -> AsyncIterator[None]:
    """While it lasts, clean-ups are carried out here."""
    carrying_out = carry_out(database.dsn("logging"), periods=periods, clock=clock)
    async with BackgroundTasks() as background:
        background.start("clean-ups", carrying_out)
        yield


if __name__ == "__main__":
    dsn, *told = sys.argv[1:]
    clock: Clock = utc_now
    if told:
        clock = partial(datetime.fromtimestamp, int(told[0]), UTC)
    asyncio.run(carry_out(dsn, clock=clock))

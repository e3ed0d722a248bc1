"""Clean-ups as a service carries them out, in this process or in one that may be killed.

`python -P -m tests.integration.logging_service.clean_ups DSN` carries them out until it is ended.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from services.logging.metrics import LoggingMetrics
from services.logging.retention.periods import Periods
from services.logging.retention.running import CleanUpRunner
from shared.service.background import BackgroundTasks
from shared.service.clock import Clock, utc_now
from tests.stack_fixtures import Database

FOR_EVER = Periods()
PHASE_ROWS = 3
"""So few that some rows take several phases."""


def runner(dsn: str, *, periods: Periods = FOR_EVER, clock: Clock = utc_now) -> CleanUpRunner:
    """One that has a metrics registry of its own."""
    return CleanUpRunner(
        dsn=dsn,
        metrics=LoggingMetrics(CollectorRegistry()),
        periods=periods,
        phase_rows=PHASE_ROWS,
        clock=clock,
    )


@asynccontextmanager
async def clean_ups_running(
    database: Database, *, periods: Periods = FOR_EVER, clock: Clock = utc_now
) -> AsyncIterator[None]:
    """While it lasts, clean-ups are carried out here."""
    made = runner(database.dsn("logging"), periods=periods, clock=clock)
    async with BackgroundTasks() as background:
        background.start("clean-ups", made.run())
        yield


if __name__ == "__main__":
    asyncio.run(runner(sys.argv[1]).run())

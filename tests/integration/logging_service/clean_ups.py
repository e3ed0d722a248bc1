"""Clean-ups as a service carries them out, in this process or in one that may be killed.

`python -P -m tests.integration.logging_service.clean_ups DSN` carries them out until it is ended.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from services.logging.metrics import LoggingMetrics
from services.logging.retention.running import CleanUpRunner
from shared.service.background import BackgroundTasks
from tests.stack_fixtures import Database

PHASE_ROWS = 3
"""So few that some rows take several phases."""


def runner(dsn: str) -> CleanUpRunner:
    """One that has a metrics registry of its own."""
    return CleanUpRunner(
        dsn=dsn, metrics=LoggingMetrics(CollectorRegistry()), phase_rows=PHASE_ROWS
    )


@asynccontextmanager
async def clean_ups_running(database: Database) -> AsyncIterator[None]:
    """While it lasts, clean-ups are carried out here."""
    async with BackgroundTasks() as background:
        background.start("clean-ups", runner(database.dsn("logging")).run())
        yield


if __name__ == "__main__":
    asyncio.run(runner(sys.argv[1]).run())

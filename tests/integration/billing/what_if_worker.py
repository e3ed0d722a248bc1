"""A process that works runs through a charge at a time, to be killed: its DSN is its argument."""

import asyncio
import sys

from services.billing.what_if.working import work_once
from shared.postgres.pool import open_pool


async def work(dsn: str) -> None:
    """Until nothing is left."""
    async with open_pool(dsn, min_size=1, max_size=2, application_name="what-if-worker") as pool:
        while await work_once(pool, chunk=1):
            pass


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))

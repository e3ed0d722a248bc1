"""A service that says what it does; run by the test beside it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.service.background import BackgroundTasks
from shared.service.running import run
from shared.service.settings import ServiceSettings


@asynccontextmanager
async def _open(settings: ServiceSettings, *, background: BackgroundTasks) -> AsyncIterator[None]:
    async with background:
        print(settings.instance, "opened", flush=True)  # noqa: T201  # the test reads it
        yield
        # Like the relay's leases and its journal: behind the `yield`, and not in a `finally`.
        print("closed in order", flush=True)  # noqa: T201  # the test reads it


if __name__ == "__main__":
    settings = ServiceSettings.model_construct(
        instance="stopped-0", log_format="json", log_level="critical"
    )
    run(sys.argv[0], settings, _open)

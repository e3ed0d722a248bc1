"""Events a second taken in while nothing else goes on: the topic first, then `logging`."""

import asyncio
import sys
from typing import Final

from deploy.local.environment import REPOSITORY, program_environment
from deploy.local.stack import Stack
from operations.bench.ingest import Ingest, take_in

_RATE_PER_S: Final = 1_000_000
"""As fast as they are made."""


async def full_speed(stack: Stack, *, events: int) -> Ingest:
    """On a stack whose `logging` is stopped, with whatever rows it has. Raises RuntimeError."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "operations.bench_logs.pacing"),
        *("--bootstrap", stack.kafka_bootstrap),
        *("--rate", str(_RATE_PER_S), "--events", str(events)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        cwd=REPOSITORY,
        env=program_environment(),
    )
    if await process.wait() != 0:
        raise RuntimeError("the events could not be sent")
    return await take_in(stack, "logging", events)

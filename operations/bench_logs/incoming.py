"""Events that come in while others read: a process of their own, and how they are kept up with."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

import asyncpg

from deploy.local.environment import REPOSITORY, program_environment
from deploy.local.stack import Stack
from operations.bench.settling import applied_count


@dataclass(kw_only=True)
class Incoming:
    """What was sent so far, and what of it `logging` has taken in."""

    rate_per_s: float
    sent: int = 0
    taken: int = 0
    took_s: float = 0.0
    most_behind: int = 0
    """The most events that were sent and not taken in, looked at once a second."""


@asynccontextmanager
async def incoming(stack: Stack, *, rate_per_s: float) -> AsyncIterator[Incoming]:
    """Events at a steady rate until the block ends. Raises RuntimeError where they stop."""
    found = Incoming(rate_per_s=rate_per_s)
    connection = await asyncpg.connect(stack.dsn("superuser"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "operations.bench_logs.pacing"),
        *("--bootstrap", stack.kafka_bootstrap, "--rate", str(rate_per_s)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        env=program_environment(),
    )
    before = await applied_count(connection, "logging")
    watching = asyncio.create_task(_watch(process, connection, found, before))
    begun = monotonic()
    try:
        yield found
        if process.returncode is not None:
            raise RuntimeError("whoever sends events has ended")
    finally:
        found.took_s = monotonic() - begun
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
        await connection.close()


async def _watch(
    process: asyncio.subprocess.Process,
    connection: asyncpg.Connection,
    found: Incoming,
    before: int,
) -> None:
    async def count_sent() -> None:
        if process.stdout is not None:
            async for line in process.stdout:
                found.sent = int(line)

    async with asyncio.TaskGroup() as group:
        group.create_task(count_sent())
        while True:
            found.taken = await applied_count(connection, "logging") - before
            found.most_behind = max(found.most_behind, found.sent - found.taken)
            await asyncio.sleep(1)

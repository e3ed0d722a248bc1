"""Commands of `services.logging`, each a process of its own beside the running service."""

import asyncio
import sys

from deploy.local.stack import Stack


async def started(stack: Stack, *arguments: str) -> asyncio.subprocess.Process:
    """`python -P -m services.logging …`; whoever starts it waits for its end."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "services.logging", *arguments),
        env=dict(stack.service_environment("logging")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def check(stack: Stack) -> tuple[int, str]:
    """Whether counts, usage and checksums are those of the rows: exit code and output."""
    process = await started(stack, "check")
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()

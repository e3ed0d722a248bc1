"""A stack that drills share, as the next one needs it: all of it runs, nothing is to recover."""

import asyncio
import signal
from typing import Final

from deploy.local.stack import Stack

_DEADLINE_S: Final = 60.0


async def make_whole(stack: Stack) -> None:
    """Wake what is frozen and start what has ended: nothing to do, where a drill did not fail."""
    for process in stack.processes():  # servers first
        process.kill(signal.SIGCONT)
        if not process.running:
            await stack.start_process(process.name)
            await stack.wait_ready(process.name)


def journals(stack: Stack) -> set[str]:
    """The names of relays that run, and of those that left something to recover."""
    folders = (stack.state_dir / "journal").iterdir()
    return {path.name for path in folders if not path.name.startswith(".")} - {"quarantine"}


async def recovered(stack: Stack) -> None:
    """Wait until no journal is left but the relays' own: all there was in others is published."""
    async with asyncio.timeout(_DEADLINE_S):
        while len(journals(stack)) != stack.spec.relays:
            await asyncio.sleep(0.05)

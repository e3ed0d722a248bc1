"""Waiting for something to become true, up to a deadline."""

import asyncio
from collections.abc import Awaitable, Callable

DEADLINE_S = 60.0


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Poll until the condition holds; fails the test with `what` after the deadline."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        await asyncio.sleep(0.02)

"""Polling up to a deadline, for what other processes do."""

import asyncio
from collections.abc import Awaitable, Callable


async def wait_until(
    is_so: Callable[[], Awaitable[bool]], *, deadline_s: float = 120.0, poll_s: float = 0.05
) -> None:
    """Ask until it is so. Raises TimeoutError."""
    async with asyncio.timeout(deadline_s):
        while not await is_so():  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(poll_s)

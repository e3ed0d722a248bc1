"""What the simulated provider has served, and serves right now, of all who ask it."""

from typing import Any

import aiohttp

from deploy.local.stack import Stack


async def forget_served(stack: Stack) -> None:
    """Count from nothing again; what is in flight is forgotten too."""
    async with aiohttp.ClientSession() as http:
        (await http.delete(f"{stack.simulator_url}/control/served")).raise_for_status()


async def served(stack: Stack) -> dict[str, Any]:
    """The totals since they were last forgotten."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{stack.simulator_url}/control/served?last=0") as response,
    ):
        totals: dict[str, Any] = (await response.json())["totals"]
        return totals

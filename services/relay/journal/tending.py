"""The journal's file work that can be done ahead or later, off the way of requests."""

import asyncio
from typing import Final

from services.relay.journal.journal import Journal

_PAUSE_S: Final = 0.02


async def tend(journal: Journal) -> None:
    """Make segments ahead of need and delete those that are done with, until cancelled."""
    while True:
        await journal.needs_tending.wait()
        await journal.tend()
        # On a full disk there is something to do all the time.
        await asyncio.sleep(_PAUSE_S)

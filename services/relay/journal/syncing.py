"""Putting the journal on the disk: at intervals, or before each answer's last bytes."""

import asyncio
from typing import Final, Literal

from services.relay.journal.journal import Journal

Interval = Literal["never", "always"] | int
_MS: Final = 1000


class Syncing:
    """Syncs one journal, off the loop. `interval` is in milliseconds."""

    def __init__(self, journal: Journal, interval: Interval) -> None:
        self._journal = journal
        self._interval = interval
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []

    async def run(self) -> None:
        """Sync until cancelled. `never` leaves it to the kernel."""
        if self._interval == "never":
            await asyncio.Event().wait()
        while True:
            if isinstance(self._interval, int):
                await asyncio.sleep(self._interval / _MS)
            else:
                await self._wanted.wait()
                self._wanted.clear()
            # Who waits now has appended already; who comes during the sync waits for the next.
            waiting, self._waiting = self._waiting, []
            if self._journal.unsynced_bytes:
                await self._journal.sync()
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def durable(self) -> None:
        """Wait until what was appended is on the disk; at once unless the setting is `always`.

        Many requests share one sync.
        """
        if self._interval != "always":
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wanted.set()
        await future

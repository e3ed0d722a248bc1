"""Putting the journal on the disk: at intervals, or before each answer's last bytes.

A sync that failed is never tried again: the kernel gives up what it could not write, and the next
sync would say that all is well. Who waits is told, and the relay ends: it stops as it does on a
signal, which publishes the journal from memory, and its next start has a journal of its own.
"""

import asyncio
from typing import Final, Literal

from services.relay.journal.journal import Journal
from shared.telemetry.logs import get_logger

_logger = get_logger()
Interval = Literal["never", "always"] | int
_MS: Final = 1000


class Syncing:
    """Syncs one journal, off the loop. `interval` is in milliseconds."""

    def __init__(self, journal: Journal, interval: Interval) -> None:
        self._journal = journal
        self._interval = interval
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._failed: OSError | None = None

    async def run(self) -> None:
        """Sync until cancelled. `never` leaves it to the kernel. Raises OSError: see above."""
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
            try:
                if self._journal.unsynced_bytes:
                    await self._journal.sync()
            except OSError as error:
                self._fail(error, [*waiting, *self._waiting])
                raise
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def durable(self) -> None:
        """Wait until what was appended is on the disk; at once unless the setting is `always`.

        Many requests share one sync. Raises OSError where the disk did not take it.
        """
        if self._interval != "always":
            return
        if self._failed is not None:
            raise _as_new(self._failed)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wanted.set()
        await future

    def _fail(self, error: OSError, waiting: list[asyncio.Future[None]]) -> None:
        _logger.critical("journal.sync_failed", errno=error.errno)
        self._failed = error
        for future in waiting:
            if not future.done():
                future.set_exception(_as_new(error))


def _as_new(error: OSError) -> OSError:
    # One instance raised in many requests would gather all of their tracebacks.
    return OSError(error.errno, error.strerror)

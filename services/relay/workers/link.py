"""A worker's end of the line to its supervisor."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from prometheus_client import CollectorRegistry

from services.relay.settings import RelaySettings
from services.relay.workers.report import EVERY_S, Report, encode, figures_of
from shared.http.internal_server import Readiness
from shared.telemetry.logs import describe_exception, get_logger

_LAST_REPORT_S: Final = 2.0
_logger = get_logger()


class SupervisorLink:
    """A place among several workers. Reports from its opening to its end, whatever it waits for."""

    shares_port = True

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, failed: asyncio.Event
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._failed = failed
        self._registry = CollectorRegistry()
        self._readiness = Readiness()
        self._readiness.add("start", lambda: "starting")

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, line: socket.socket, *, failed: asyncio.Event
    ) -> AsyncIterator["SupervisorLink"]:
        """Report inside the block, and once more at its end, when all is counted.

        `failed` is set when reporting fails, which ends the worker.
        """
        reader, writer = await asyncio.open_unix_connection(sock=line)
        link = cls(reader, writer, failed=failed)
        tasks = [asyncio.create_task(work) for work in (link._report_on(), link._watch())]
        for task in tasks:
            task.add_done_callback(link._ended)
        try:
            yield link
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_LAST_REPORT_S):
                    await link._report()
            writer.close()

    @asynccontextmanager
    async def told(
        self, _settings: RelaySettings, *, registry: CollectorRegistry, readiness: Readiness
    ) -> AsyncIterator[None]:
        """From now on the reports are of these, after the block too."""
        self._registry, self._readiness = registry, readiness
        yield

    async def _report_on(self) -> None:
        while True:
            with suppress(ConnectionError):  # `_watch` sees it too, and stops the worker
                await self._report()
            await asyncio.sleep(EVERY_S)

    async def _report(self) -> None:
        waits_for, notes = self._readiness.waits_for(), self._readiness.notes()
        self._writer.write(encode(Report(waits_for, notes, figures_of(self._registry))))
        await self._writer.drain()

    async def _watch(self) -> None:
        """The supervisor says nothing; that its end is closed says that it is gone."""
        with suppress(ConnectionError):
            await self._reader.read()
        _logger.warning("relay.supervisor_gone")
        # The same way out as when it is asked to stop: open requests are finished first.
        signal.raise_signal(signal.SIGTERM)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _logger.critical("relay.report_failed", **describe_exception(error))
            self._failed.set()

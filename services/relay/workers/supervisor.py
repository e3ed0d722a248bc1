"""Keeps a relay's workers running: starts them, starts them again, stops them together."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import Any, Final

from services.relay.workers.metrics import WorkerMetrics
from services.relay.workers.process import Command
from services.relay.workers.report import Report
from services.relay.workers.slot import Slot
from shared.telemetry.logs import get_logger

_LISTEN_EVERY_S: Final = 1.0
_logger = get_logger()


class Supervisor:
    """It serves no requests and knows no server: there is little that it could die of."""

    def __init__(
        self,
        count: int,
        *,
        command: Command,
        hang_s: float,
        stop_s: float,
        metrics: WorkerMetrics,
        bury: Callable[[Report], None],
    ) -> None:
        self._stop_s = stop_s
        self._stopping = asyncio.Event()
        self.slots: Sequence[Slot] = [
            Slot(
                number,
                command=command,
                hang_s=hang_s,
                stopping=self._stopping,
                metrics=metrics,
                bury=bury,
            )
            for number in range(count)
        ]
        metrics.workers.set(count)
        metrics.ready.set_function(lambda: sum(slot.is_ready for slot in self.slots))

    async def run(self, *, stop: asyncio.Event, hurry: asyncio.Event) -> int:
        """Run until `stop` is set, or until it is clear that no worker can start.

        Then all workers end: they may finish their requests, until `hurry` is set or their time is
        up. Returns the exit code: 0 when all went as asked.
        """
        keeping = {asyncio.create_task(slot.run()) for slot in self.slots}
        listening = asyncio.create_task(self._listen())
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait({listening, asked, *keeping}, return_when=asyncio.FIRST_COMPLETED)
        is_asked = stop.is_set()
        for task in (listening, asked):
            task.cancel()
        is_clean = await self._stop(keeping, hurry)
        for task in (listening, *keeping):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        return 0 if is_asked and is_clean else 1

    async def _listen(self) -> None:
        """Until no worker can be started."""
        while not self._cannot_start():
            await asyncio.sleep(_LISTEN_EVERY_S)
            for slot in self.slots:
                slot.listen(_LISTEN_EVERY_S)
        _logger.critical(
            "relay.no_worker_starts",
            what="every worker ended before it took requests; their own lines say why",
        )

    def _cannot_start(self) -> bool:
        # Once one has served, what it needs was there: then it is worth going on for ever.
        return not any(slot.was_ready for slot in self.slots) and all(
            slot.tries for slot in self.slots
        )

    async def _stop(self, keeping: set[asyncio.Task[None]], hurry: asyncio.Event) -> bool:
        self._stopping.set()
        self._signal(signal.SIGTERM)
        ended: asyncio.Task[Any] = asyncio.create_task(asyncio.wait(keeping))
        hurried: asyncio.Task[Any] = asyncio.create_task(hurry.wait())
        await asyncio.wait(
            {ended, hurried}, timeout=self._stop_s, return_when=asyncio.FIRST_COMPLETED
        )
        hurried.cancel()
        if not ended.done():
            _logger.error("relay.workers_killed", asked=hurry.is_set())
            self._signal(signal.SIGKILL)
        await ended
        return all(slot.ended_cleanly for slot in self.slots)

    def _signal(self, number: signal.Signals) -> None:
        for slot in self.slots:
            slot.signal(number)

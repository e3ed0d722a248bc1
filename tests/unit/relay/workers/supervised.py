"""A supervisor of fake workers, with what it tells."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from services.relay.workers.metrics import WorkerMetrics
from services.relay.workers.supervisor import Supervisor
from services.relay.workers.surface import WorkersCollector, WorkersReadiness


class Supervised:
    """Two workers, unless told otherwise."""

    def __init__(
        self,
        command: Callable[[int, int], Sequence[str]],
        *,
        count: int = 2,
        hang_s: float = 30.0,
        stop_s: float = 10.0,
    ) -> None:
        own = CollectorRegistry()
        self.metrics = CollectorRegistry()
        collector = WorkersCollector(own)
        self.metrics.register(collector)
        self.supervisor = Supervisor(
            count,
            command=command,
            hang_s=hang_s,
            stop_s=stop_s,
            metrics=WorkerMetrics(own),
            bury=collector.bury,
        )
        collector.slots = self.supervisor.slots
        self.readiness = WorkersReadiness(self.supervisor.slots)
        self.stop, self.hurry = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[int]]:
        """Run it for the time of the block; its exit code is the task's result."""
        run = asyncio.create_task(self.supervisor.run(stop=self.stop, hurry=self.hurry))
        try:
            yield run
        finally:
            self.stop.set()
            self.hurry.set()
            await run

    def value(self, name: str, **labels: str) -> float | None:
        """What a scrape would say."""
        return self.metrics.get_sample_value(name, labels)

    def restarts(self, reason: str) -> float | None:
        """Workers that were started again for this reason."""
        return self.value("ledgerline_relay_worker_restarts_total", reason=reason)


async def until(holds: Callable[[], object]) -> None:
    """Poll, up to a deadline."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)

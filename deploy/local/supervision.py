"""Keeps a stack's processes running, and gives up when they keep dying."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from deploy.local.processes import ManagedProcess
from deploy.local.programs import together
from deploy.local.progress import Report

DEATHS_ALLOWED: Final = 3
WINDOW_S: Final = 60.0


class TooManyDeathsError(RuntimeError):
    """Processes died three times within a minute; starting them again does not help."""


class Supervisor:
    """Reports each death by name with its last lines and starts the process again."""

    def __init__(
        self,
        processes: Iterable[ManagedProcess],
        *,
        restart: Callable[[str], Awaitable[None]],
        report: Report,
    ) -> None:
        self._processes = tuple(processes)
        self._restart = restart
        self._report = report
        self._deaths: deque[float] = deque(maxlen=DEATHS_ALLOWED)

    async def watch(self) -> None:
        """Watch until cancelled; raises TooManyDeathsError after the third in a minute."""
        await together(self._watch(process) for process in self._processes)

    async def _watch(self, process: ManagedProcess) -> None:
        while True:
            await process.wait()
            if process.stopping:
                return
            self._report(f"{process.describe_end()}; its last lines:\n{process.last_lines()}")
            self._count_death()
            await self._restart(process.name)
            self._report(f"{process.name} is started again (pid {process.pid})")

    def _count_death(self) -> None:
        now = time.monotonic()
        self._deaths.append(now)
        if len(self._deaths) == DEATHS_ALLOWED and now - self._deaths[0] <= WINDOW_S:
            raise TooManyDeathsError(
                f"{DEATHS_ALLOWED} deaths in {WINDOW_S:.0f} s: the stack gives up"
            )

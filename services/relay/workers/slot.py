"""One worker's place, and whoever stands in it. An end that nobody asked for is a new start."""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Final

from services.relay.workers.backoff import Backoff
from services.relay.workers.metrics import Reason, WorkerMetrics
from services.relay.workers.process import Command, WorkerProcess
from services.relay.workers.report import Report
from shared.telemetry.logs import get_logger

_LAST_WORDS_S: Final = 2.0
_CLEAN: Final = frozenset({0, -signal.SIGTERM})
"""Of a worker that was asked to end, also before it could say how."""
_logger = get_logger()


class Slot:
    """Keeps one worker running until the supervisor stops."""

    def __init__(
        self,
        number: int,
        *,
        command: Command,
        hang_s: float,
        stopping: asyncio.Event,
        metrics: WorkerMetrics,
        bury: Callable[[Report], None],
    ) -> None:
        self.number = number
        self._command = command
        self._hang_s = hang_s
        self._stopping = stopping
        self._metrics = metrics
        self._bury = bury
        self._backoff = Backoff()
        self._process: WorkerProcess | None = None
        self._is_hung = False
        self._has_been_ready = False
        self.tries = 0
        """Starts that came to their end."""
        self.ended_cleanly = True
        """False: a worker that was asked to end did not do so in order."""

    @property
    def report(self) -> Report | None:
        """The newest of the worker that runs; null: none runs, or it has said nothing yet."""
        return None if self._process is None else self._process.last

    @property
    def is_ready(self) -> bool:
        """Whether its worker takes requests."""
        return self._process is not None and self._process.is_ready

    @property
    def was_ready(self) -> bool:
        """Whether a worker ever took requests here."""
        return self._has_been_ready or (self._process is not None and self._process.was_ready)

    def signal(self, number: signal.Signals) -> None:
        """To its worker, if there is one."""
        if self._process is not None:
            self._process.signal(number)

    def listen(self, passed_s: float) -> None:
        """`passed_s` went by. A worker that has not reported for too long is killed.

        What is counted is how long *we* listened: a machine that was frozen as a whole blames
        nobody. SIGABRT comes first: it has the worker write down where it hangs.
        """
        process = self._process
        if process is None:
            return
        silent_s = process.listen(passed_s)
        if silent_s > self._hang_s + _LAST_WORDS_S:
            process.signal(signal.SIGKILL)
        elif silent_s > self._hang_s and not self._is_hung:
            self._is_hung = True
            _logger.error(
                "relay.worker_hangs", worker=self.number, pid=process.pid, silent_s=silent_s
            )
            process.signal(signal.SIGABRT)

    async def run(self) -> None:
        """Until the supervisor stops and the worker has ended."""
        while not self._stopping.is_set():
            started = time.monotonic()
            reason, told = await self._one_life()
            self.tries += 1
            if self._stopping.is_set():
                return
            self.ended_cleanly = True  # nobody had asked for this end
            ran_s = time.monotonic() - started
            again_in_s = self._backoff.after(ran_s)
            self._metrics.restarted(reason)
            _logger.error(
                "relay.worker_ended",
                worker=self.number,
                reason=reason,
                ran_s=round(ran_s, 3),
                again_in_s=again_in_s,
                **told,
            )
            try:
                await asyncio.wait_for(self._stopping.wait(), again_in_s)
            except TimeoutError:
                continue

    async def _one_life(self) -> tuple[Reason, dict[str, object]]:
        self._is_hung = False
        try:
            process = self._process = await WorkerProcess.spawn(self.number, self._command)
        except OSError as error:
            return "failed", {"error": type(error).__name__, "errno": error.errno}
        _logger.info("relay.worker_started", worker=self.number, pid=process.pid)
        if self._stopping.is_set():
            process.signal(signal.SIGTERM)
        code = await process.ended()
        self.ended_cleanly = code in _CLEAN
        self._has_been_ready = self.was_ready
        # In one step: a worker counts among the living or among the dead, never as both or neither.
        self._process = None
        if process.last is not None:
            self._bury(process.last)
        reason: Reason = "failed" if code > 0 else "killed" if code < 0 else "ended"
        return "hung" if self._is_hung else reason, {"pid": process.pid, "exit_code": code}

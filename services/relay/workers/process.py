"""One start of one worker, from its spawn to its end, as the supervisor sees it."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from services.relay.workers import report
from services.relay.workers.report import Report

_READ_OUT_S: Final = 2.0
Command = Callable[[int, int], Sequence[str]]
"""The command line of a worker, by its number and the file descriptor of its line."""


def relay_command(number: int, line_fd: int) -> Sequence[str]:
    """This program again, as a worker. Without secrets: everyone may read a command line."""
    return (
        *(sys.executable, "-P", "-m", "services.relay"),
        *("--worker", str(number), "--line", str(line_fd)),
    )


class WorkerProcess:
    """A running worker. Its reports are read until nothing of it is left to read."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._writer = writer
        self._reading = asyncio.create_task(self._read(reader))
        self.last: Report | None = None
        """The newest report; null before the first."""
        self.silent_s = 0.0
        """How long it has said nothing, as far as `listen` was called."""
        self.was_ready = False
        """Whether it ever took requests."""
        self.pid = process.pid

    @classmethod
    async def spawn(cls, number: int, command: Command) -> "WorkerProcess":
        """Start a worker. Raises OSError when no process can be made."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *command(number, theirs.fileno()), pass_fds=(theirs.fileno(),)
                )
        except OSError:
            ours.close()
            raise
        return cls(process, *await asyncio.open_unix_connection(sock=ours))

    @property
    def is_ready(self) -> bool:
        """Whether it runs and takes requests."""
        return self._process.returncode is None and self.last is not None and self.last.is_ready

    def listen(self, passed_s: float) -> float:
        """`passed_s` went by; returns for how long there was no report."""
        self.silent_s += passed_s
        return self.silent_s

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens when it has ended."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code (negative for a signal), once all its reports are read."""
        code = await self._process.wait()
        # What it wrote before it died is still in the line.
        await asyncio.wait({self._reading}, timeout=_READ_OUT_S)
        self._reading.cancel()
        self._writer.close()
        return code

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.last = await report.read(reader)
                self.was_ready = self.was_ready or self.last.is_ready
                self.silent_s = 0.0

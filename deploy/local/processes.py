"""One program that the stack started: its output, its death, and how it is stopped."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launcher.py")
_TAIL_BYTES = 32_768
_POLL_INTERVAL_S = 0.02

Probe = Callable[[], Awaitable[str | None]]
"""Says what a process still waits for, or None once it is ready."""


class ProcessFailedError(RuntimeError):
    """A program ended, or did not get ready in time; the text has its last lines."""


async def _ready_at_once() -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """How one program is started and stopped.

    `orphan_signal` is what the kernel sends it when the stack dies without a word.
    `uid` is the user to give root up for, None to stay who we are.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    output_path: Path
    cwd: Path
    probe: Probe = _ready_at_once
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    stop_deadline_s: float = 40.0
    uid: int | None = None


class ManagedProcess:
    """A program of the stack, which can be started again after it has ended."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self._process: asyncio.subprocess.Process | None = None
        self.stopping = False  # an end that was asked for is no death

    @property
    def name(self) -> str:
        """Its name in the stack, such as `billing-0`."""
        return self.spec.name

    @property
    def output_path(self) -> Path:
        """The file that has all it printed, over all its starts."""
        return self.spec.output_path

    @property
    def pid(self) -> int:
        """Its process id; raises RuntimeError before the first start."""
        return self._started.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def returncode(self) -> int | None:
        """Its exit code (negative for a signal), None while it runs."""
        return self._started.returncode

    @property
    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process

    async def start(self, *, stdin: str | None = None) -> None:
        """Start it, with `stdin` to read; raises RuntimeError when it runs already."""
        if self.running:
            raise RuntimeError(f"{self.name} is running")
        self.stopping = False
        self.output_path.parent.mkdir(parents=True, exist_ok=True)
        launch = (str(int(self.spec.orphan_signal)), str(os.getpid()))
        uid = "-1" if self.spec.uid is None else str(self.spec.uid)
        with self.output_path.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_LAUNCHER), *launch, uid, *self.spec.command),
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.spec.cwd,
                env=dict(self.spec.environment),
                start_new_session=True,  # a Ctrl-C on the terminal is for the stack alone
            )
        if stdin is not None and self._process.stdin is not None:
            self._process.stdin.write(stdin.encode())
            self._process.stdin.close()

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        return await self._started.wait()

    async def wait_ready(self, deadline_s: float = 60.0) -> None:
        """Poll its probe until it is ready.

        Raises ProcessFailedError when it ends first, or is not ready within `deadline_s`.
        """
        deadline = asyncio.get_running_loop().time() + deadline_s
        while (missing := await self.spec.probe()) is not None:
            if not self.running:
                raise ProcessFailedError(f"{self.describe_end()}\n{self.last_lines()}")
            if asyncio.get_running_loop().time() > deadline:
                raise ProcessFailedError(
                    f"{self.name} is not ready after {deadline_s:.0f} s: {missing}\n"
                    f"{self.last_lines()}"
                )
            await asyncio.sleep(_POLL_INTERVAL_S)

    def kill(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; nothing happens when it has ended."""
        if self.running:
            with suppress(ProcessLookupError):
                self._started.send_signal(sig)

    async def stop(self) -> None:
        """Ask it to end, and after its deadline make it; may be repeated."""
        self.stopping = True
        if not self.running:
            return
        self.kill(signal.SIGCONT)  # a frozen process would sit out the whole deadline
        self.kill(self.spec.stop_signal)
        try:
            await asyncio.wait_for(self.wait(), self.spec.stop_deadline_s)
        except TimeoutError:
            self.kill(signal.SIGKILL)
            await self.wait()

    def require_success(self) -> None:
        """Raise ProcessFailedError with its last lines unless it ended with 0."""
        if self.returncode != 0:
            raise ProcessFailedError(f"{self.describe_end()}\n{self.last_lines()}")

    def describe_end(self) -> str:
        """Say by name how it ended."""
        code = self.returncode
        if code is None:
            return f"{self.name} is running"
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return f"{self.name} (pid {self.pid}) {how}"

    def last_lines(self, count: int = 20) -> str:
        """The end of its output, indented; empty when it printed nothing."""
        if not self.output_path.exists():
            return ""
        with self.output_path.open("rb") as output:
            output.seek(max(0, self.output_path.stat().st_size - _TAIL_BYTES))
            lines = output.read().decode(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-count:])

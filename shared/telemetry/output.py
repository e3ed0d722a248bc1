"""Where the program's log goes: standard output, many lines in one write.

A write for each line costs a busy relay a tenth of its time. Lines wait for at most FLUSH_S; the
death of the process may take those with it, and nothing else: what must not be lost is journalled.
"""

import asyncio
import atexit
from typing import Final, TextIO

FLUSH_S: Final = 0.02
_MAX_WAITING: Final = 1_000


class BufferedOutput:
    """A text stream for structlog. Outside of an event loop every line is written at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._is_due = False
        self._is_urgent = False
        atexit.register(self.drain)

    def write(self, text: str) -> int:
        """Take a line, or a part of one."""
        self._waiting.append(text)
        return len(text)

    def hurry(self) -> None:
        """The next line may be the last that this process writes: do not let it wait."""
        self._is_urgent = True

    def flush(self) -> None:
        """Called after each line: see that it is written soon."""
        if self._is_urgent or len(self._waiting) >= _MAX_WAITING:
            self.drain()
        elif not self._is_due:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self.drain()
            else:
                self._is_due = True
                loop.call_later(FLUSH_S, self.drain)

    def drain(self) -> None:
        """Write what waits, now. Repeatable."""
        self._is_due = self._is_urgent = False
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._stream.write("".join(waiting))
            self._stream.flush()

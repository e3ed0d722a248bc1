"""Where the program's log goes: standard output, many lines in one write.

A write for each line costs a busy relay a tenth of its time. Lines wait for at most FLUSH_S; the
death of the process may take those with it, and nothing else: what must not be lost is journalled.

Workers share one output. In a pipe, as of a container, only writes of up to PIPE_BUF bytes stay
whole: a longer one of two processes would end up with lines of the one inside lines of the other.
"""

import asyncio
import atexit
import os
import select
import stat
from collections.abc import Iterable, Iterator
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
        self._is_pipe = _is_pipe(stream)
        atexit.register(self.drain)

    def write(self, text: str) -> int:
        """Take a line, or a part of one."""
        self._waiting.append(text)
        return len(text)

    def line(self, text: str) -> None:
        """Take a whole line, its end included."""
        self._waiting.append(text)
        if not self._is_due or len(self._waiting) >= _MAX_WAITING:
            self.flush()

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
        if not waiting:
            return
        for part in _whole_lines(waiting) if self._is_pipe else ("".join(waiting),):
            self._stream.write(part)
            self._stream.flush()


def _is_pipe(stream: TextIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # of a test, or closed
        return False


def _whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """As many lines at a time as a pipe takes in one; a longer line goes by itself."""
    part: list[str] = []
    size = 0
    for line in lines:
        length = len(line) if line.isascii() else len(line.encode())
        if part and size + length > select.PIPE_BUF:
            yield "".join(part)
            part, size = [], 0
        part.append(line)
        size += length
    yield "".join(part)

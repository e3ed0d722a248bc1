"""Runs a module as `python -m` does and samples where its main thread's time goes.

`python -P -m operations.bench.sampled MODULE FILE`: SIGUSR2 begins, and forgets what was before; at
the end FILE has them as JSON, a `Samples.found`.

A sample is a stack of Python functions, every millisecond of the clock: timers on CPU time come no
finer than the kernel's tick, which is 4 ms. The time of C code and of system calls is their
caller's. What the event loop does itself is what is left of the thread's CPU time, as a sample
cannot tell a loop that waits from one that runs.
"""

import json
import opcode
import runpy
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

EVERY_S: Final = 0.001
_RESUME: Final = opcode.opmap["RESUME"]


class Samples:
    """Counts stacks."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._thread_s = time.thread_time()
        self._process_s = time.process_time()

    def take(self, _signal: int, frame: FrameType | None) -> None:
        """A handler of SIGALRM."""
        stack = []
        if frame is not None and is_at_its_start(frame):
            # The handler had to wait for it: the time before was the caller's, or the loop's.
            frame = frame.f_back
        while frame is not None:
            code = frame.f_code
            stack.append(f"{code.co_filename}:{code.co_qualname}")
            frame = frame.f_back
        self._counts[tuple(reversed(stack))] += 1

    def begin(self, _signal: int, _frame: FrameType | None) -> None:
        """A handler of SIGUSR2."""
        self._counts.clear()
        signal.setitimer(signal.ITIMER_REAL, EVERY_S, EVERY_S)
        self._thread_s, self._process_s = time.thread_time(), time.process_time()

    def found(self) -> dict[str, object]:
        """All of them, outermost function first, and the CPU time of their thread and of all."""
        return {
            "thread_s": time.thread_time() - self._thread_s,
            "process_s": time.process_time() - self._process_s,
            "samples": [[count, stack] for stack, count in self._counts.most_common()],
        }


def is_at_its_start(frame: FrameType) -> bool:
    """Whether a function has been entered and has done nothing yet."""
    at = frame.f_lasti
    return at >= 0 and frame.f_code.co_code[at : at + 2] == bytes((_RESUME, 0))


def _main() -> None:
    module, path = sys.argv[1], Path(sys.argv[2])
    sys.argv = [module]
    samples = Samples()
    signal.signal(signal.SIGALRM, samples.take)
    signal.signal(signal.SIGUSR2, samples.begin)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        path.write_text(json.dumps(samples.found()))


if __name__ == "__main__":
    _main()

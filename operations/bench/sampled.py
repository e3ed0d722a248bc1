"""Runs a module as `python -m` does and samples where its CPU time goes.

`python -P -m operations.bench.sampled MODULE FILE`: SIGUSR2 forgets the samples so far; at the end
they are in FILE, a JSON list of [count, [outermost, …, innermost]].

A sample is a stack of Python functions, taken on CPU time, not on the clock. The time of C code
(system calls, orjson, pydantic's core) is its caller's.
"""

import json
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

_EVERY_S: Final = 0.001


class Samples:
    """Counts stacks."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()

    def take(self, _signal: int, frame: FrameType | None) -> None:
        """A handler of SIGPROF."""
        stack = []
        while frame is not None:
            code = frame.f_code
            stack.append(f"{code.co_filename}:{code.co_qualname}")
            frame = frame.f_back
        self._counts[tuple(reversed(stack))] += 1

    def forget(self, _signal: int, _frame: FrameType | None) -> None:
        """A handler of SIGUSR2."""
        self._counts.clear()

    def write(self, path: Path) -> None:
        """All of them."""
        path.write_text(json.dumps([[n, stack] for stack, n in self._counts.most_common()]))


def _main() -> None:
    module, path = sys.argv[1], Path(sys.argv[2])
    sys.argv = [module]
    samples = Samples()
    signal.signal(signal.SIGPROF, samples.take)
    signal.signal(signal.SIGUSR2, samples.forget)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        samples.write(path)


if __name__ == "__main__":
    _main()

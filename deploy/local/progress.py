"""Progress lines with the time since the start."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[str], None]
"""Takes one line for a person."""


def silent(_line: str) -> None:
    """Report to nobody: what tests want."""


class Progress:
    """Reports each step with how long it took and when it was done."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._started = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step; nothing is reported when it fails, as the error says more."""
        began = time.monotonic()
        yield
        now = time.monotonic()
        self._report(f"  {now - self._started:5.1f} s  {title} ({now - began:.1f} s)")

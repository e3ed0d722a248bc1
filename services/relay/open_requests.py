"""The requests that are being served, to end what is left of them when the relay stops.

The web server cancels those whose clients are there. It forgets the tasks of clients that have
left, and the rest of an answer is read for those for minutes.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class OpenRequests:
    """Those of one relay."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    @contextmanager
    def served(self) -> Iterator[None]:
        """The current task serves a request inside the block."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is served by a task")
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def end(self) -> None:
        """Cancel those that are left, and wait until each has been completed. Repeatable."""
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

"""The requests that are being served, to end what is left of them when the relay stops.

The web server cancels those whose clients are there. It forgets the tasks of clients that have
left, and the rest of an answer is read for those for minutes.
"""

import asyncio


class OpenRequests:
    """Those of one relay."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def enter(self) -> "asyncio.Task[object]":
        """The current task begins to serve a request. Give what this returns to `leave`."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is served by a task")
        self._tasks.add(task)
        return task

    def leave(self, task: "asyncio.Task[object]") -> None:
        """It is served, or was not. Repeatable."""
        self._tasks.discard(task)

    async def end(self) -> None:
        """Cancel those that are left, and wait until each has been completed. Repeatable."""
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

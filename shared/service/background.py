"""Tasks that run as long as the service. One that fails ends the process: a supervisor restarts it.

A service that lost its consumer and still answers `/health/live` would be worse than one that is
gone.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Self

from shared.telemetry.logs import describe_exception, get_logger

_logger = get_logger()


class BackgroundTasks:
    """An async context manager; at its end every task is cancelled and waited for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_entered = False
        self.failed = asyncio.Event()
        """Set when a task ended by an exception, or ended at all though it should run on."""

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` until the service ends. Raises RuntimeError outside of the context.

        Without it the tasks would end with the event loop, after what they need was closed.
        """
        if not self._is_entered:
            work.close()
            raise RuntimeError("enter the background tasks' context first")
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def __aenter__(self) -> Self:
        self._is_entered = True
        return self

    async def __aexit__(self, *_exc: object) -> None:
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task not in self._tasks or task.cancelled():
            return
        self._tasks.discard(task)
        error = task.exception()
        described = {} if error is None else describe_exception(error)
        _logger.critical("service.task_ended", task=task.get_name(), **described)
        self.failed.set()

"""Tasks that run as long as the service. One that fails ends the process: a supervisor restarts it.

A service that lost its consumer and still answers `/health/live` would be worse than one that is
gone.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final, Self

from shared.telemetry.logs import describe_exception, get_logger

_TO_END_S: Final = 10.0
_AGAIN_S: Final = 1.0

_logger = get_logger()


class BackgroundTasks:
    """An async context manager; at its end every task is cancelled and waited for.

    One that has not ended in ten seconds is cancelled again each second until it has: a library may
    swallow a cancellation (as `asyncio.wait_for` does at times before Python 3.12), or wait for a
    server that is gone.
    """

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
        await _end(tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task not in self._tasks or task.cancelled():
            return
        self._tasks.discard(task)
        error = task.exception()
        described = {} if error is None else describe_exception(error)
        _logger.critical("service.task_ended", task=task.get_name(), **described)
        self.failed.set()


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    left, patience_s = set(tasks), _TO_END_S
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=patience_s)
        # What they raised on their way out is asked for, so that nobody complains of it later.
        await asyncio.gather(*ended, return_exceptions=True)
        patience_s = _AGAIN_S
        for task in left:
            frames = task.get_stack(limit=1)
            at = f"{frames[0].f_code.co_qualname}:{frames[0].f_lineno}" if frames else ""
            _logger.warning("service.task_cancelled_again", task=task.get_name(), at=at)

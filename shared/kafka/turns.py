"""Taking turns at publishing: hold the lock, work, and after any failure wait for it again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from shared.kafka.errors import LockLostError
from shared.kafka.lock_session import LockSession
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY
from shared.telemetry.logs import get_logger

_PAUSE_S: Final = 0.5

_logger = get_logger()


class Turns:
    """Runs one turn after another, for ever. `name` is what the log calls the publisher."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.has_turn = False

    async def run(self, turn: Callable[[], Awaitable[None]]) -> None:
        """Call `turn` until cancelled; what ends one turn is logged and leads to the next."""
        while True:
            try:
                await turn()
            except (LockLostError, *DATABASE_AWAY) as error:
                _logger.warning("turn_lost", publisher=self._name, **describe_error(error))
            except Exception:
                _logger.exception("turn_failed", publisher=self._name)
            await asyncio.sleep(_PAUSE_S)

    async def hold(self, session: LockSession, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` while the session lives; the first of the two to fail ends both."""
        heart = asyncio.create_task(session.heartbeat())
        worker = asyncio.create_task(work)
        self.has_turn = True
        _logger.info("turn_begins", publisher=self._name)
        try:
            done, _ = await asyncio.wait((heart, worker), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.has_turn = False
            for task in (heart, worker):
                task.cancel()
            await asyncio.gather(heart, worker, return_exceptions=True)

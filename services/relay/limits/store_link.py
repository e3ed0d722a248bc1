"""The relay's one connection to Valkey.

What comes while a batch is under way goes with the next one: one write and one read for all of it,
in order. After a failure everything is refused in memory, without waiting, until a connection
stands again and the scripts are loaded.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from valkey.asyncio import Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import AuthenticationError, ValkeyError
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from services.relay.limits.metrics import LimitMetrics
from shared.telemetry.logs import get_logger

_SCRIPT: Final = Path(__file__).with_name("store.lua")
_MOST_AT_ONCE: Final = 256
_CONNECT_S: Final = 1.0
_PAUSE_S: Final = 0.25
_LOOK_AFTER_S: Final = 0.5
_logger = get_logger()


class StoreAwayError(Exception):
    """Valkey cannot be reached, or did not answer in time."""


Call = tuple[tuple[str, ...], tuple[str, ...]]
"""The keys and the arguments of one run of the script."""
_Waiting = tuple[Call, "asyncio.Future[list[int]]"]


class StoreLink:
    """Runs `store.lua`. `run` must be running for anything to be sent."""

    def __init__(self, url: str, *, timeout_s: float, metrics: LimitMetrics) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._metrics = metrics
        self._queue: list[_Waiting] = []
        self._has_some = asyncio.Event()
        self._sha = ""
        self._is_first = True
        self.is_up = False
        self.on_up: Callable[[], None] = lambda: None
        """Called each time that a connection stands."""

    def send(self, call: Call) -> "asyncio.Future[list[int]]":
        """The script's answer to come. Raises StoreAwayError at once where there is no connection.

        The future may fail with StoreAwayError too; nobody needs to look at it.
        """
        if not self.is_up:
            raise StoreAwayError
        future: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        self._queue.append((call, future))
        self._has_some.set()
        return future

    async def run(self) -> None:
        """Connect, serve, and begin again after each failure, until cancelled."""
        while True:
            client = self._client()
            try:
                await self._open(client)
                while True:
                    await self._serve(client)
            except (ValkeyError, OSError, TimeoutError) as error:
                self._went_away(error)
            finally:
                self._refuse_all()
                await client.aclose()
            await asyncio.sleep(_PAUSE_S)

    def _client(self) -> Valkey:
        client: Valkey = Valkey.from_url(
            self._url,
            single_connection_client=True,
            socket_connect_timeout=_CONNECT_S,
            retry=Retry(NoBackoff(), 0),
        )
        return client

    async def _open(self, client: Valkey) -> None:
        async with asyncio.timeout(_CONNECT_S):
            self._sha = await client.script_load(_SCRIPT.read_text())
        self.is_up = True
        self._metrics.store_up.set(1)
        if not self._is_first:
            _logger.info("limits.store_back")
        self._is_first = False
        self.on_up()

    async def _serve(self, client: Valkey) -> None:
        if not self._has_some.is_set():
            # A connection that nobody uses is looked at now and then: its end would not be noticed.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_some.wait(), _LOOK_AFTER_S)
        batch, self._queue = self._queue[:_MOST_AT_ONCE], self._queue[_MOST_AT_ONCE:]
        if not self._queue:
            self._has_some.clear()
        pipeline = client.pipeline(transaction=False)
        for (keys, arguments), _ in batch:
            pipeline.evalsha(self._sha, len(keys), *keys, *arguments)
        if not batch:
            pipeline.ping()
        try:
            answers = await self._in_time(pipeline.execute())
        except BaseException:
            _refuse(batch)
            raise
        for (_, future), answer in zip(batch, answers, strict=bool(batch)):
            if not future.done():
                future.set_result(answer)

    async def _in_time(self, work: Any) -> list[Any]:
        task = asyncio.ensure_future(work)
        await asyncio.wait({task}, timeout=self._timeout_s)
        for _ in range(3):
            # A stall of our own, not Valkey's, may have left the answer unread.
            if not task.done():
                await asyncio.sleep(0)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            raise TimeoutError
        answers: list[Any] = task.result()
        return answers

    def _went_away(self, error: Exception) -> None:
        self._metrics.store_failures.labels(_reason(error)).inc()
        self._metrics.store_up.set(0)
        if self.is_up or self._is_first:
            _logger.error("limits.store_away", reason=type(error).__name__)
        self._is_first = False
        self.is_up = False

    def _refuse_all(self) -> None:
        self.is_up = False
        queue, self._queue = self._queue, []
        self._has_some.clear()
        _refuse(queue)


def _refuse(waiting: list[_Waiting]) -> None:
    for _, future in waiting:
        if not future.done():
            future.set_exception(StoreAwayError())


def _seen(future: "asyncio.Future[list[int]]") -> None:
    """Who asked may be gone: a failure that nobody takes is no fault."""
    if not future.cancelled():
        future.exception()


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError | ValkeyTimeoutError):
        return "timeout"
    if isinstance(error, AuthenticationError):
        return "authentication"
    return "connection" if isinstance(error, OSError | ValkeyConnectionError) else "server"
